"""Frozen dataclasses that are made many times a second.

Python freezes a dataclass by setting each of its fields the long way, so a period or a line would cost as much to make
as to compute. The type checker sees `dataclass` and refuses to change a field; at run time the class is not frozen.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as hot_dataclass
else:

    def hot_dataclass(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """Make a dataclass that is equal and hashed by its fields, as a frozen one is."""
        return dataclasses.dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["hot_dataclass"]
