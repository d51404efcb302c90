"""Numbers as Triton's JSON has them: protobuf writes them, RapidJSON reads them, and writes what it read."""

from __future__ import annotations

import functools
import math
import struct

# Digits that protobuf tries first, and those that always suffice.
_SINGLE_DIGITS = (6, 9)
_DOUBLE_DIGITS = (15, 17)

_BITS = 64
_MASK = (1 << _BITS) - 1
_MOST_EXACT = (1 << 53) - 1
_LONGEST_PLAIN = 21  # Digits of a number that is written without exponent.
_MOST_ZEROS = 6  # Behind the point, before the first digit.
_MOST_PLACES_ROUNDED = 9  # RapidJSON 1.1 does not look for the nearest digits where there are more.
_SMALLEST_NORMAL = 1.1754943508222875e-38  # Of single precision: what is less is no number to protobuf's reader.


def shown(value: float, *, single: bool) -> float | int | str:
    """Return what is left of a number of protobuf in Triton's JSON. single: its field is a float.

    Whole numbers that protobuf writes without exponent are integers, infinite ones are names. Where there are many
    digits, RapidJSON reads them less exactly than they were written.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    few, enough = _SINGLE_DIGITS if single else _DOUBLE_DIGITS
    text = f"{value:.{few}g}"
    if not _is_same(float(text), value, single):
        text = f"{value:.{enough}g}"
    return int(text) if text.lstrip("-").isdigit() else _read(text)


def spelled(value: float) -> str:
    """Spell a finite double as RapidJSON does, which does not always find the shortest digits."""
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    sign = "-" if value < 0 else ""
    digits, exponent = _digits(abs(value))
    point = len(digits) + exponent
    if exponent >= 0 and point <= _LONGEST_PLAIN:
        return f"{sign}{digits}{'0' * exponent}.0"
    if 0 < point <= _LONGEST_PLAIN:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -_MOST_ZEROS < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1}"


def _is_same(short: float, value: float, single: bool) -> bool:
    if not single or abs(value) < _SMALLEST_NORMAL:
        return short == value
    try:
        return struct.pack("f", short) == struct.pack("f", value)
    except OverflowError:
        return False


def _read(text: str) -> float:
    """Read a number with a point or an exponent as RapidJSON does by default: digits times a power of ten."""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    number: float = int(whole)
    power = int(exponent or 0)
    for digit in fraction:
        if isinstance(number, int) and number > _MOST_EXACT:
            number = float(number)
        number = number * 10 + int(digit)
        power -= 1
    number = float(number)
    if power < -308:
        number /= 1e308
        power += 308
    number = number * 10.0**power if power >= 0 else number / 10.0**-power
    return -number if text.startswith("-") else number


def _digits(value: float) -> tuple[str, int]:
    """Find digits and the power of ten of their last: the algorithm Grisu2 (Loitsch, 2010), as RapidJSON applies it."""
    fraction, exponent = math.frexp(value)
    significand, exponent = int(fraction * (1 << 53)), exponent - 53
    if exponent < -1074:  # A subnormal number has fewer bits.
        significand >>= -1074 - exponent
        exponent = -1074
    upper, upper_exponent = _normalized(2 * significand + 1, exponent - 1)
    is_power = significand == 1 << 52
    lower = 4 * significand - 1 if is_power else 2 * significand - 1
    lower <<= (exponent - (2 if is_power else 1)) - upper_exponent
    middle, _ = _normalized(significand, exponent)
    scale, scale_exponent, power = _cached_power(upper_exponent)
    high = _times(upper, scale) - 1
    low = _times(lower, scale) + 1
    return _generate(_times(middle, scale), high, high - low, -(upper_exponent + scale_exponent + _BITS), power)


def _generate(middle: int, high: int, delta: int, shift: int, power: int) -> tuple[str, int]:
    """Take digits off `high`, a number with `shift` binary places, as long as it stays more than `delta` off."""
    distance = high - middle
    one = 1 << shift
    rest, below = high >> shift, high & (one - 1)
    kappa = len(str(rest))
    digits: list[int] = []
    while kappa > 0:
        kappa -= 1
        digit, rest = divmod(rest, 10**kappa)
        if digit or digits:
            digits.append(digit)
        left = (rest << shift) + below
        if left <= delta:
            _round(digits, delta, left, 10**kappa << shift, distance)
            return "".join(map(str, digits)), power + kappa
    scale = 1
    while True:
        below, delta, scale, kappa = below * 10, delta * 10, scale * 10, kappa - 1
        digit, below = below >> shift, below & (one - 1)
        if digit or digits:
            digits.append(digit)
        if below < delta:
            _round(digits, delta, below, one, distance * scale if -kappa < _MOST_PLACES_ROUNDED else 0)
            return "".join(map(str, digits)), power + kappa


def _round(digits: list[int], delta: int, rest: int, step: int, distance: int) -> None:
    while (
        rest < distance
        and delta - rest >= step
        and (rest + step < distance or distance - rest > rest + step - distance)
    ):
        digits[-1] -= 1
        rest += step


def _normalized(significand: int, exponent: int) -> tuple[int, int]:
    shift = _BITS - significand.bit_length()
    return significand << shift, exponent - shift


def _times(one: int, other: int) -> int:
    """Multiply numbers of 64 bits: the upper half, rounded."""
    product = one * other
    return (product >> _BITS) + (product >> (_BITS - 1) & 1)


def _cached_power(exponent: int) -> tuple[int, int, int]:
    """Find the power of ten that brings a number of this exponent into reach: 64 bits of it, their exponent, and the
    power that takes it back.
    """
    wanted = math.ceil((-61 - exponent) * 0.30102999566398114 + 347)
    power = -348 + ((wanted >> 3) + 1) * 8
    return (*_power_of_ten(power), -power)


@functools.cache
def _power_of_ten(power: int) -> tuple[int, int]:
    if power >= 0:
        exact = 10**power
        shift = exact.bit_length() - _BITS
        significand = exact << -shift if shift <= 0 else (exact + (1 << (shift - 1))) >> shift
    else:
        bits = (10**-power).bit_length() + _BITS
        quotient = (1 << (bits + 1)) // 10**-power
        shift = quotient.bit_length() - _BITS
        significand = (quotient + (1 << (shift - 1))) >> shift
        shift -= bits + 1
    if significand > _MASK:
        return significand >> 1, shift + 1
    return significand, shift
