"""Where a value lies, with a proven error: balls, and what else encloses. Nothing here knows of models or roots.

An expression is read once into a straight-line program, which then runs on balls at any precision. From the bottom up:

- balls, weighted_balls: sound operations on balls, tight on wide ones, strict at the edges of domains.
- exact_numbers, ball_matrices: rationals from one library to the other; boxes within boxes, inverses of middles.
- tape, fused: an expression as a list of these operations, and as one function for narrow balls.
- ball_programs: values, conditions and Jacobians on balls; most of the proofs stand on it.
- affine_forms: a value that remembers to first order how it moves, along an interval of one parameter.
- taylor_models, taylor_programs: a value as a polynomial with a proven remainder, on a box of several parameters.
- complex_operations, removable, complex_programs: integrands on complex balls, strict at branch cuts and kinks.
- line_integrals, angle_integrals, gaussian_means: rigorous quadrature, with growth_bounds for tails, parity for halves.
- known_digits, decimals, deadline: the digits that a ball settles, its decimal text, and when quadrature stops.
"""
