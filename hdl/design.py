"""What tells one piece of hardware from another."""

import hashlib
import json
from dataclasses import asdict

from spikewright.golden.spec import Network

from .plan import HardwarePlan

__all__ = ["design_hash"]

# Of the image, the order of the memories, and how rows lie in them; another needs another number.
_LOAD_SCHEMA = 1


def design_hash(network: Network, plan: HardwarePlan) -> str:
    """SHA-256, in hex, of what the hardware is made from: the plan, and the network.

    With an envelope it is the same for all networks that fit into it, whose shape the plan knows.
    """
    own = None if plan.envelope is not None else network.content_hash
    text = json.dumps([_LOAD_SCHEMA, asdict(plan), own], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
