"""Where a person can walk in a house, and the way from one place to another."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from autoseg3d_core.simulation.rooms import House
from autoseg3d_core.simulation.rooms_layout import blocked_cells
from autoseg3d_core.simulation.rooms_plan import HALF_WALL_M

CLEARANCES_M = (0.32, 0.27, 0.22, 0.17)
"""Distances to keep; the first with which the most rooms can be reached is used."""
CELL_M = 0.05
STRIDE = 2
"""Every second cell is a place to walk through."""
COMFORT_M = 0.6


class WalkMap:
    """The floor of a house in square cells, with the free distance around each; rows go along y."""

    def __init__(self, house: House) -> None:
        self.low = np.min([room.low for room in house.rooms], axis=0)
        self.high = np.max([room.high for room in house.rooms], axis=0)
        self.solid = self._walls(house)
        blocked = self.solid | blocked_cells(list(house.things), self.low, self.high, CELL_M)
        padded = np.pad(~blocked, 1).astype(np.uint8)
        self.clearance: Float32[np.ndarray, "rows columns"] = (
            cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] * CELL_M - CELL_M / 2
        )
        self._graph, self.reachable = self._connected_floor(house)

    def places_in(
        self, low: Float[np.ndarray, "2"], high: Float[np.ndarray, "2"]
    ) -> Float[np.ndarray, "places 2"]:
        """Return the reachable places in a rectangle."""
        places = self._places(np.flatnonzero(self.reachable.ravel()))
        return places[((places > low) & (places < high)).all(axis=1)]

    def _places(self, nodes: Int64[np.ndarray, " nodes"]) -> Float[np.ndarray, "nodes 2"]:
        """Return where nodes of the graph lie."""
        row, column = np.divmod(nodes, self.reachable.shape[1])
        return self.low + (np.column_stack([column, row]) * STRIDE + 0.5) * CELL_M

    def _node(self, place: Float[np.ndarray, "2"]) -> int:
        """Return the node of a place that `places_in` gave."""
        column, row = np.round(((place - self.low) / CELL_M - 0.5) / STRIDE).astype(int)
        return int(row * self.reachable.shape[1] + column)

    def clearance_at(self, places: Float[np.ndarray, "places 2"]) -> Float[np.ndarray, " places"]:
        """Return the free distance around places, between cells too."""
        at = ((places - self.low) / CELL_M - 0.5).astype(np.float32)
        return cv2.remap(self.clearance, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR)[0]

    def sees(
        self, start: Float[np.ndarray, "2"], ends: Float[np.ndarray, "ends 2"]
    ) -> Bool[np.ndarray, " ends"]:
        """Tell from which places no wall hides the start."""
        share = np.linspace(0.0, 0.94, 40)[:, None, None]
        points = start + share * (ends - start)
        cells = np.clip((points - self.low) // CELL_M, 0, np.array(self.solid.shape[::-1]) - 1).astype(int)
        return ~self.solid[cells[..., 1], cells[..., 0]].any(axis=0)

    def way(
        self, start: Float[np.ndarray, "2"], end: Float[np.ndarray, "2"]
    ) -> Float[np.ndarray, "places 2"]:
        """Return the places from one reachable place to another, without detours into narrow places."""
        first, last = self._node(start), self._node(end)
        _, before = dijkstra(self._graph, indices=first, return_predecessors=True)
        nodes = [last]
        while nodes[-1] != first and before[nodes[-1]] >= 0:
            nodes.append(int(before[nodes[-1]]))
        return self._places(np.array(nodes[::-1]))

    def _walls(self, house: House) -> Bool[np.ndarray, "rows columns"]:
        """Return the cells that are no floor: walls, and what lies outside."""
        columns, rows = (max(1, int(np.ceil(v / CELL_M))) for v in self.high - self.low)
        x = self.low[0] + (np.arange(columns) + 0.5) * CELL_M
        y = self.low[1] + (np.arange(rows) + 0.5) * CELL_M
        floor = np.zeros((rows, columns), bool)

        def open_up(low: np.ndarray, high: np.ndarray) -> None:
            floor[np.ix_((y > low[1]) & (y < high[1]), (x > low[0]) & (x < high[0]))] = True

        for room in house.rooms:
            open_up(*room.inner)
        for doorway in (o for o in house.openings if o.rooms[1] >= 0):
            half = np.zeros(2)
            half[doorway.axis] = HALF_WALL_M + CELL_M
            half[1 - doorway.axis] = (doorway.end - doorway.start) / 2
            open_up(doorway.center - half, doorway.center + half)
        return ~floor

    def _connected_floor(self, house: House) -> tuple[csr_matrix, Bool[np.ndarray, "rows columns"]]:
        """Return the graph of walkable places, and its largest part, with the clearance that suits best."""
        clearance = self.clearance[::STRIDE, ::STRIDE]
        found = []
        for least in CLEARANCES_M:
            free = clearance > least
            graph = _grid_graph(free, clearance)
            _, label = connected_components(graph, directed=False)
            sizes = np.bincount(label[free.ravel()], minlength=1)
            self.reachable = (free.ravel() & (label == sizes.argmax())).reshape(free.shape)
            rooms = sum(len(self.places_in(*room.inner)) > 0 for room in house.rooms)
            found.append((rooms, least, graph, self.reachable))
        _, _, graph, reachable = max(found, key=lambda row: row[:2])
        return graph, reachable


def _grid_graph(free: np.ndarray, clearance: np.ndarray) -> csr_matrix:
    """Return costs between free neighbours, higher where it is narrow."""
    rows, columns = free.shape
    node = np.arange(rows * columns).reshape(rows, columns)
    cost = 1 + 2 * np.clip(COMFORT_M - clearance, 0, None)
    starts, ends, costs = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, rows - down), slice(max(0, -right), columns - max(0, right)))
        there = (slice(down, rows), slice(max(0, right), columns - max(0, -right)))
        both = free[here] & free[there]
        starts.append(node[here][both])
        ends.append(node[there][both])
        costs.append((cost[here] + cost[there])[both] / 2 * np.hypot(down, right))
    start, end, value = np.concatenate(starts), np.concatenate(ends), np.concatenate(costs)
    both_ways = (np.concatenate([value, value]), (np.concatenate([start, end]), np.concatenate([end, start])))
    return coo_matrix(both_ways, shape=(node.size, node.size)).tocsr()
