"""A plan's configuration: what is written in which resource, and to which other resource an attribute refers.

What an attribute will be is often known after apply only (the id of a policy that the same plan makes), while the configuration says whose
it is: `expressions` hold the `references` of each (https://developer.hashicorp.com/terraform/internals/json-format). Where a reference
could lead to several objects, or leads through a local value, of which plans say nothing, there is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Raw = Mapping[str, Any]

_INDEX = r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]'
_MODULE = rf"module\.([\w-]+)({_INDEX})?\."
_ADDRESS = re.compile(rf"((?:module\.[\w-]+(?:{_INDEX})?\.)*)((?:data\.)?[\w-]+\.[\w-]+)({_INDEX})?")
_OWN_INDEX = ("each.", "count.")
_ALWAYS_KNOWN = ("path.", "terraform.")
# Modules within modules, and nothing that could be written would need more.
_MOST_STEPS = 20


@lru_cache(maxsize=1 << 14)
def parts_of(address: str) -> tuple[str, str, str]:
    """The module's prefix, `TYPE.NAME` (with `data.`), and the index of `count` or `for_each`; of what is no address, nothing."""
    found = _ADDRESS.fullmatch(address)
    return (found[1], found[2], found[3] or "") if found else ("", "", "")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expression stands: the prefix of its module, the index of what it is written in, and that one's for_each."""

    module: str
    index: str
    for_each: object = None


class Configuration:
    """What was written, as far as the plan shows it."""

    def __init__(self, plan: Raw) -> None:
        configuration = _mapping(plan.get("configuration"))
        self._root = _mapping(configuration.get("root_module"))
        self._providers = _mapping(configuration.get("provider_config"))
        self._variables = _mapping(plan.get("variables"))
        self._resources = dict(_resources(self._root))

    def written(self, address: str) -> Raw | None:
        """The expressions of this resource; None where the plan does not show what is written in it."""
        expressions = self._resource(address).get("expressions")
        return expressions if isinstance(expressions, Mapping) else None

    def of_provider(self, address: str, key: str) -> str | None:
        """What the configuration of this resource's provider says, as a constant or as a variable."""
        provider = _mapping(self._providers.get(str(self._resource(address).get("provider_config_key"))))
        expression = _mapping(_mapping(provider.get("expressions")).get(key))
        value = expression.get("constant_value")
        names = _texts(expression.get("references"))
        if value is None and len(names) == 1 and "module_address" not in provider:
            value = _mapping(self._variables.get(names[0].removeprefix("var."))).get("value")
        return value if isinstance(value, str) and value else None

    def referred(self, address: str, key: str, addresses: Sequence[str]) -> str | None:
        """To which of these addresses this attribute of that resource refers, if to exactly one."""
        module, _, index = parts_of(address)
        resource = self._resource(address)
        place = _Place(module, index, resource.get("for_each_expression"))
        return self._referred((self.written(address) or {}).get(key), place, addresses, _MOST_STEPS)

    def _referred(self, expression: object, place: _Place, addresses: Sequence[str], steps: int) -> str | None:
        names = _texts(_mapping(expression).get("references"))
        own = [name for name in names if name.startswith(_OWN_INDEX)]
        subjects = {_subject(name) for name in names if name not in own and not name.startswith(_ALWAYS_KNOWN)}
        if not place.module and any(not subject.startswith("var.") for subject in subjects):
            # Those of the root module are known; they choose, at most, among what else is named.
            subjects = {subject for subject in subjects if not subject.startswith("var.")}
        if steps == 0 or len(subjects) > 1:
            return None
        if not subjects:
            return self._of_each(own, place, addresses, steps)
        (subject,) = subjects
        if subject.startswith("var."):
            return self._passed_in(subject.removeprefix("var."), place, addresses, steps)
        if subject.startswith("module."):
            return self._given_out(names, place, addresses, steps)
        return _instance(subject, names, place, addresses)

    def _of_each(self, own: Sequence[str], place: _Place, addresses: Sequence[str], steps: int) -> str | None:
        """`each.value`, where for_each goes through resources."""
        if not any(name.startswith("each.value") for name in own) or place.for_each is None:
            return None
        names = [*_texts(_mapping(place.for_each).get("references")), "each.key"]
        return self._referred({"references": names}, _Place(place.module, place.index), addresses, steps - 1)

    def _passed_in(self, name: str, place: _Place, addresses: Sequence[str], steps: int) -> str | None:
        """A variable of a module: what its caller wrote."""
        *above, (called, index) = re.findall(_MODULE, place.module) or [("", "")]
        parent = "".join(f"module.{module}{at}." for module, at in above)
        call = _mapping(_mapping(self._module(parent).get("module_calls")).get(called))
        outer = _Place(parent, index, call.get("for_each_expression"))
        return self._referred(_mapping(call.get("expressions")).get(name), outer, addresses, steps - 1)

    def _given_out(self, names: Sequence[str], place: _Place, addresses: Sequence[str], steps: int) -> str | None:
        """An output of a module: what the module wrote."""
        found = {(m[1], m[2] or "", m[3]) for name in names if (m := re.match(rf"{_MODULE}([\w-]+)", name))}
        if len(found) != 1:
            return None
        ((name, index, output),) = found
        module = f"{place.module}module.{name}{index}."
        given = _mapping(_mapping(self._module(module).get("outputs")).get(output))
        return self._referred(given.get("expression"), _Place(module, ""), addresses, steps - 1)

    def _module(self, prefix: str) -> Raw:
        module = self._root
        for name, _ in re.findall(_MODULE, prefix):
            module = _mapping(_mapping(_mapping(module.get("module_calls")).get(name)).get("module"))
        return module

    def _resource(self, address: str) -> Raw:
        module, resource, _ = parts_of(address)
        return self._resources.get(f"{re.sub(_INDEX, '', module)}{resource}", {})


def _resources(module: Raw, prefix: str = "") -> Iterator[tuple[str, Raw]]:
    """Every resource that is written, by its address without indices."""
    for found in _listed(module.get("resources")):
        data = "data." if found.get("mode") == "data" else ""
        yield f"{prefix}{data}{found.get('type')}.{found.get('name')}", found
    for name, call in _mapping(module.get("module_calls")).items():
        yield from _resources(_mapping(_mapping(call).get("module")), f"{prefix}module.{name}.")


def _subject(name: str) -> str:
    """`var.NAME`, `local.NAME`, `module.NAME`, `TYPE.NAME` or `data.TYPE.NAME`, without what follows."""
    length = 3 if name.startswith("data.") else 2
    return ".".join(re.sub(_INDEX, "", name).split(".")[:length])


def _instance(subject: str, names: Sequence[str], place: _Place, addresses: Sequence[str]) -> str | None:
    """The one instance that is meant: by the index that is written, or the only one, or the one of the same index."""
    own = {name for name in names if name.startswith(_OWN_INDEX)}
    found = {parts_of(a)[2]: a for a in addresses if parts_of(a)[:2] == (place.module, subject)}
    said = {m[1] for name in names if (m := re.match(rf"{re.escape(subject)}({_INDEX})", name))}
    if said:
        return found.get(said.pop()) if len(said) == 1 else None
    if len(found) == 1:
        return next(iter(found.values()))
    return found.get(place.index) if own in ({"each.key"}, {"count.index"}) else None


def _mapping(value: object) -> Raw:
    return value if isinstance(value, Mapping) else {}


def _listed(value: object) -> list[Raw]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
