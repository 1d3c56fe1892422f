"""The quality of a schedule: the DCMA 14-point assessment.

Authority: DCMA-EA PAM 200.1 (October 2012), whose metrics 2 to 4 count relationships; read with Ron Winter, *DCMA
14-Point Schedule Assessment* (2011). What PAM 200.1 leaves open is decided here and said in each check.
"""

from services.projects.domain.quality.assessment import assess
from services.projects.domain.quality.check import RULESET, Check, Offender, Thresholds, Unit

__all__ = ["RULESET", "Check", "Offender", "Thresholds", "Unit", "assess"]
