"""What is proved about a model: that roots exist, are unique, are all found, and which inequalities hold there.

Everything stands on `numerics.enclosures`; doubles serve as guesses only. From the bottom up:

- exact_parameters, exact_points, exact_balls: what the parameters are exactly, at one point and at many.
- model_balls, start_points: a model compiled to balls; a root in doubles, where a proof starts.
- krawczyk, isolated_root: one root at one point of the parameters.
- certified_values, certificate: a point's region, root and values, to the digits that are asked for.
- root_operator, interval_cells, root_search, root_families: all roots in a box, and their number over a family.
- rational_boxes, rational_signs, inequalities_on_boxes: an inequality at every point of a box.
- root_tubes, root_claims, inequalities_at_roots: an inequality at the root, for a whole box of parameters.
- moving_boxes, stretch_tiles, stretches: a certificate for a whole stretch of a curve.

Krawczyk's operator has four forms, because what varies differs. `krawczyk` is at a point of the parameters, for many
digits; `root_operator` has slopes in the parameters, so that a search may leave them intervals; `moving_boxes` follows
the tangent for one parameter, where cutting is cheap; `root_tubes` follows a polynomial in several parameters, where it
is not. They share `enclosures.ball_matrices`.
"""
