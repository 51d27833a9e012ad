"""Public addresses are permuted, prefixes and what is nobody's are kept."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.model.flows import Range
from pathcheck.wire.permuted_addresses import ALWAYS, WHERE_MET, Permutation

keys = st.binary(min_size=1, max_size=64)
STAYING = [ip_network("0.0.0.0/0"), ip_network("::/0"), *ALWAYS]


@st.composite
def ranges(draw: st.DrawFn, version: int) -> Range:
    """Anywhere, and often around a range that stays, where the rules change."""
    width = 32 if version == 4 else 128
    near = [r for r in (*ALWAYS, *WHERE_MET) if r.version == version]
    first = draw(st.integers(0, (1 << width) - 1) | st.sampled_from([int(r.network_address) for r in near]))
    first ^= draw(st.just(0) | st.integers(0, width - 1).map(lambda bit: 1 << bit))
    length = draw(st.integers(0, width))
    return ip_network((first.to_bytes(width // 8, "big"), length), strict=False)


def pairs(version: int) -> st.SearchStrategy[tuple[Range, Range]]:
    return st.tuples(ranges(version), ranges(version))


def shared(one: Range, other: Range) -> int:
    """How many leading bits both have in common."""
    apart = int(one.network_address) ^ int(other.network_address)
    return min(one.max_prefixlen - apart.bit_length(), one.prefixlen, other.prefixlen)


@given(keys, pairs(4) | pairs(6), st.booleans())
def test_prefixes_are_kept(key: bytes, pair: tuple[Range, Range], met: bool) -> None:
    """Two ranges share as many leading bits as before, so they contain, overlap and differ as before."""
    permutation = Permutation(key, pair if met else ())
    one, other = map(permutation.range, pair)
    assert [r.prefixlen for r in (one, other)] == [r.prefixlen for r in pair]
    assert shared(one, other) == shared(*pair)
    assert one.overlaps(other) == pair[0].overlaps(pair[1])
    assert (one == other) == (pair[0] == pair[1])


@given(keys, ranges(4) | ranges(6))
def test_an_address_goes_where_its_range_goes(key: bytes, range_: Range) -> None:
    """The first and the last address of a range are in what it becomes."""
    permutation = Permutation(key)
    for address in (range_[0], range_[-1]):
        assert permutation.address(address) in permutation.range(range_)


@given(keys, st.sampled_from(STAYING), st.integers(min_value=0))
def test_what_is_nobodys_stays(key: bytes, range_: Range, number: int) -> None:
    """The range itself, and every address in it."""
    permutation = Permutation(key)
    assert permutation.range(range_) == range_
    if range_.prefixlen:
        address = range_[number % range_.num_addresses]
        assert permutation.address(address) == address


@given(keys, st.sampled_from(WHERE_MET), st.integers(min_value=0))
def test_what_is_nobodys_and_small_stays_where_it_is_met(key: bytes, range_: Range, number: int) -> None:
    """One address in it is enough for all the others."""
    address = range_[number % range_.num_addresses]
    assert Permutation(key, [ip_network(address)]).range(range_) == range_


def test_where_it_is_not_met_its_neighbours_tell_less() -> None:
    """All keys leave 24 bits beside a documentation range that is met; else some change them."""
    neighbour, documented = ip_network("203.0.112.0/24"), ip_network("203.0.113.7/32")
    some = [bytes([number]) for number in range(16)]
    assert {Permutation(key, [documented]).range(neighbour) for key in some} == {neighbour}
    assert len({Permutation(key).range(neighbour) for key in some}) > 8


def test_another_key_is_another_permutation() -> None:
    """The same key is the same one."""
    address = ip_address("44.55.66.77")
    found = [Permutation(key).address(address) for key in (b"one", b"one", b"two")]
    assert found[0] == found[1] != found[2]
    assert address not in found


@pytest.mark.parametrize("length", [0, 65])
def test_a_key_that_is_none(length: int) -> None:
    """More than 64 bytes are refused by BLAKE2b; none at all is a key like any other, for what needs no secret."""
    if length:
        with pytest.raises(ValueError, match="64"):
            Permutation(bytes(length)).address(ip_address("44.55.66.77"))
    else:
        assert Permutation(b"").address(ip_address("10.0.0.1")) == ip_address("10.0.0.1")
