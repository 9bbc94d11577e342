"""The table of attacks: every one that verification has to find, and by which name.

A row is an `Attack`; its module says what it is an attack on. Whoever brings a new way to
store or to record something adds its rows here, as one module more.
"""

from tests import (
    attacks_on_anchors,
    attacks_on_content,
    attacks_on_ends,
    attacks_on_keys,
    attacks_on_order,
    attacks_on_places,
    attacks_on_time,
)
from tests.attack_tools import Attack

TABLE: tuple[Attack, ...] = (
    *attacks_on_content.ATTACKS,
    *attacks_on_order.ATTACKS,
    *attacks_on_ends.ATTACKS,
    *attacks_on_places.ATTACKS,
    *attacks_on_keys.ATTACKS,
    *attacks_on_time.ATTACKS,
    *attacks_on_anchors.ATTACKS,
)
