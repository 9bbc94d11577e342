"""The statistics of Unleash: what there is to count, and how. Data only.

Names are those of Unleash's own endpoint where it has the statistic. Adding one
means adding it to one of the modules here: the columns of the warehouse, the
grants, the dictionary and the help all come from this place.
"""

from typing import Final

from etl.catalogue import access, changes, flags, limits, people, structure, traffic
from etl.statistic import Catalogue

UNLEASH: Final = Catalogue(
    probes=(
        *people.PROBES,
        *flags.PROBES,
        *changes.PROBES,
        *structure.PROBES,
        *access.PROBES,
        *traffic.PROBES,
        *limits.PROBES,
    )
)
