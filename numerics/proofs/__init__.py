"""What is proved about a model: that roots exist, are unique, are all found, and which inequalities hold there.

Everything stands on `numerics.enclosures`; doubles serve as guesses only. From the bottom up:

    exact_parameters, exact_points, exact_balls    what the parameters are exactly, at one point and at many
    model_balls, start_points    a model compiled to balls; a root in doubles, where a proof starts
    krawczyk, isolated_root      one root at one point of the parameters
    certificate                  the point's regions, root and values, to the digits asked for: certified_values
    root_operator, interval_cells, root_search, root_families    all roots in a box, and their number over a family
    rational_signs, inequalities_on_boxes                 an inequality at every point of a box
    root_tubes, root_claims, inequalities_at_roots        an inequality at the root, for a whole box of parameters
    moving_boxes, stretch_tiles, stretches                a certificate for a whole stretch of a curve
"""
