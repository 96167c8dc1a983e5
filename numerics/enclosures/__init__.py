"""Where a value lies, with a proven error: balls, and what else encloses. Nothing here knows of models or roots.

An expression is read once into a straight-line program, which then runs on balls at any precision. From the bottom up:

    balls, weighted_balls        sound operations on balls: tight on wide ones, strict at the edges of domains
    tape, fused                  an expression as a list of these operations, and as one function where balls are narrow
    ball_programs                values, conditions and Jacobians on balls: what most of the proofs stand on
    affine_forms                 a value that remembers to first order how it moves: one parameter over an interval
    taylor_models, _programs     a value as a polynomial in several parameters with a proven remainder: a whole box
    complex_operations, removable, complex_programs    integrands on complex balls, strict at branch cuts and kinks
    line_integrals, angle_integrals, gaussian_means    rigorous quadrature (tails: growth_bounds; exact halves: parity)
    known_digits, decimals       how many digits a ball settles, and its decimal text
    deadline                     the time at which quadrature stops
"""
