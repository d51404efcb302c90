"""Names of version folders as Triton 2.51 reads them."""

import pytest

from triton_lite.repository.version_name import LEADING_ZEROS, NO_NUMBER, folder_of, read_version


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("0", 0),
        ("1", 1),
        ("20", 20),
        ("3x", 3),
        ("1.0", 1),
        ("1e3", 1),
        ("1_0", 1),
        ("4 ", 4),
        (" 4", 4),
        ("+5", 5),
        ("-1", -1),
        ("-5", -5),
        ("-05", -5),
        ("9223372036854775807", (1 << 63) - 1),
        ("007", LEADING_ZEROS),
        ("0x10", LEADING_ZEROS),
        ("0.5", LEADING_ZEROS),
        ("x", NO_NUMBER),
        ("v2", NO_NUMBER),
        ("--1", NO_NUMBER),
        ("-", NO_NUMBER),
        ("\u0663", NO_NUMBER),
        ("\u00b2", NO_NUMBER),
        ("\u00a04", NO_NUMBER),
        ("9223372036854775808", NO_NUMBER),
        ("9" * 5000, NO_NUMBER),
    ],
)
def test_what_a_folder_stands_for(name, version):
    assert read_version(name) == version


def test_where_the_files_of_a_version_are():
    assert [folder_of(version) for version in (0, 7, -5)] == ["0", "7", "18446744073709551611"]
