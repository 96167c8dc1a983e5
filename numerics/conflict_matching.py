"""The least adversarial training error at any radius: maximum matching, Koenig's vertex cover, and pairs in regression.

Two points of opposite labels whose closed l_inf balls meet cannot both be right on them, so every function errs at nu
of the n points at least, nu being the size of a maximum matching of the conflict graph; leaving out a vertex cover of
that size removes all conflicts. Source: derived here (the theorem of Koenig is classical).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_bipartite_matching, maximum_flow

Numbers = np.ndarray[Any, Any]


def least_cover(pairs: Numbers, copies: Numbers, /) -> tuple[int, Numbers]:
    """The matching number nu of the bipartite graph with edges `pairs` (k, 2), and a vertex cover, in increasing order.

    The first column of the pairs holds one side, the second the other. A point that stands `copies` (n,) times in the
    data is as many vertices with the same neighbours, of which a least cover has all or none: it is given as points,
    whose copies add up to nu.
    """
    if len(pairs) == 0:
        return 0, np.zeros(0, dtype=np.int64)
    if (copies[pairs] > 1).any():
        return _cut_copies(pairs, copies)
    left, first = np.unique(pairs[:, 0], return_inverse=True)
    right, second = np.unique(pairs[:, 1], return_inverse=True)
    edges = csr_array((np.ones(len(pairs), dtype=bool), (first, second)), shape=(len(left), len(right)))
    partners = maximum_bipartite_matching(edges, perm_type="column")
    seen_left, seen_right = _reach_alternating(edges, partners)
    cover = np.concatenate([left[~seen_left], right[seen_right]])
    return int(np.count_nonzero(partners >= 0)), np.sort(cover)


def _cut_copies(pairs: Numbers, copies: Numbers) -> tuple[int, Numbers]:
    """The same by a least cut between a source behind the first side and a sink behind the second."""
    (first, second), source, sink = pairs.T, len(copies), len(copies) + 1
    left, right = np.unique(first), np.unique(second)
    rows = np.concatenate([np.full(len(left), source), first, right])
    columns = np.concatenate([left, second, np.full(len(right), sink)])
    # a pair carries less than the copies of both its points, so that the cut is through points only
    capacities = np.concatenate([copies[left], copies[first] + copies[second], copies[right]]).astype(np.int32)
    graph = csr_array((capacities, (rows, columns)), shape=(sink + 1, sink + 1))
    found = maximum_flow(graph, source, sink)
    rest = csr_array(graph - found.flow)
    rest.eliminate_zeros()
    reached = np.isin(np.arange(sink), breadth_first_order(rest, source, return_predecessors=False))
    return int(found.flow_value), np.sort(np.concatenate([left[~reached[left]], right[reached[right]]]))


def _reach_alternating(edges: csr_array, partners: Numbers) -> tuple[Numbers, Numbers]:
    """What alternating paths from unmatched left vertices reach: by any edge to the right, by a matched one back."""
    back = np.full(edges.shape[1], -1)
    matched = np.flatnonzero(partners >= 0)
    back[partners[matched]] = matched
    left, right = partners < 0, np.zeros(edges.shape[1], dtype=bool)
    fresh = np.flatnonzero(left)
    while len(fresh):
        reached = np.unique(edges[fresh].indices)
        reached = reached[~right[reached]]
        right[reached] = True
        fresh = back[reached]
        fresh = fresh[fresh >= 0]
        left[fresh] = True
    return left, right


def pairing_bound(pairs: Numbers, labels: Numbers, count: int, /) -> Fraction:
    """A lower bound on the adversarial training MSE of every function: sum (y_i - y_j)^2/2 over a greedy matching,
    over `count` samples.

    The balls of a pair share a point, at which one value has to serve both labels; disjoint pairs add up. The pairs (k,
    2) are taken in the order of their gain.
    """
    gains = (labels[pairs[:, 0]] - labels[pairs[:, 1]]) ** 2 / 2
    free, total = np.ones(len(labels), dtype=bool), Fraction(0)
    for place in np.argsort(-gains, kind="stable"):
        first, second = pairs[place]
        if free[first] and free[second]:
            free[first] = free[second] = False
            total += (Fraction(labels[first]) - Fraction(labels[second])) ** 2 / 2
    return total / count
