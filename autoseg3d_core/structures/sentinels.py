"""The values that stand for nothing: ids count from 1, and 0 is none; indices from 0, and -1 is none."""

from __future__ import annotations

NO_ID = 0
"""In place of a track's id: there is no track."""

NOBODY = -1
"""In place of the index of a mask, a fragment or an instance: this point, voxel or pixel is nobody's."""

ABSENT = -1
"""In place of the row of a track: no row has its id."""

NO_VOTE = -1
"""In place of the id that a voxel votes for: it does not vote. A vote for `NO_ID` is one for nobody."""

UNLABELLED = -1
"""In place of a label: the model that found the instance knows no classes."""

UNNUMBERED = -1
"""In place of the number of an update: it is not complete yet."""

THE_MAP = NO_ID
"""In place of the id in an event: it is about the scene map, or about everything, and not about one track."""
