"""Every built-in function: a table of calls and values."""

from __future__ import annotations

import pytest

from phee.feel.builtins.registry import BUILTINS

CONVERSION = r"""
string(1.1) => "1.1"
string(null) => null
string("a") => "a"
string(true) => "true"
string([1, "a", null]) => "[1, \"a\", null]"
string({a: "x", "b c": 1}) => "{a: \"x\", b c: 1}"
string({"{": 1}) => "{\"{\": 1}"
string(@"2020-01-01") => "2020-01-01"
string([1..5)) => "[1..5)"
string(10 ** 20) => "100000000000000000000"
string(0.0000001) => "0.0000001"
number("1.5") => 1.5
number("-0.5") => -0.5
number("1e3") => null
number("a") => null
number("1 000,0", " ", ",") => 1000
number("1,000.5", ",", ".") => 1000.5
number("1.000.000,01", ".", ",") => 1000000.01
number("1.5", null, ".") => 1.5
number("1.5", ".", ".") => null
number("1;5", ";", ".") => null
number(from: "1,5", grouping separator: null, decimal separator: ",") => 1.5
number(5) => 5
from json("{\"a\": [1, 2.5, null]}") => {a: [1, 2.5, null]}
from json("{") => null
to json({a: [1, 0.5, "x"], d: @"2020-01-01"}) => "{\"a\":[1,0.5,\"x\"],\"d\":\"2020-01-01\"}"
range("[18..21)") => [18..21)
range("(1..2]") => (1..2]
range("]1..2[") => (1..2)
range("[\"a\"..\"b\"]") => ["a".."b"]
range("[@\"2020-01-01\"..date(\"2021-01-01\")]") => [@"2020-01-01"..@"2021-01-01"]
range(">= 5") => (>= 5)
range("[2..)") => (>= 2)
range("(2..)") => (> 2)
range("(..2)") => (< 2)
range("]..2]") => (<= 2)
range("(..)") => null
range("[..2]") => null
range("") => null
range("[2..1]") => null
range("[a..b]") => null
range("1") => null
cycle(3, @"PT1H") => "R3/PT1H"
cycle(@"PT1H") => "R/PT1H"
cycle(null, @"PT1H") => "R/PT1H"
"""

BOOLEAN = """
not(false) => true
is defined(1) => true
is defined(null) => false
is defined(x.y) => false
get or else(null, 1) => 1
get or else(2, 1) => 2
assert(1, true) => 1
assert(1, false) => null
[assert(1, false), 2] => null
all([true, true]) => true
all([false, null, true]) => false
all(true, null) => null
all([]) => true
all(0) => null
all(null) => null
any([false, null, true]) => true
any([false, null]) => null
any(false) => false
any([]) => false
and(true, false) => false
or([true, false]) => true
is(1, 1.0) => true
is(@"10:00:00Z", @"10:00:00+00:00") => true
is(@"10:00:00Z", @"10:00:00") => false
is(@"2012-12-25", @"23:00:50") => false
is("a", "b") => false
is([1], [true]) => false
is({a: 1}, {a: 1}) => true
"""

STRINGS = r"""
substring("foobar", 3) => "obar"
substring("foobar", 3, 3) => "oba"
substring("foobar", -2, 1) => "a"
substring("foobar", 0) => null
substring("foobar", 7) => null
substring("foobar", 1, 0) => null
substring("foobar", 3.8) => "obar"
substring("\U01F40Eab", 2) => "ab"
substring(string: "foobar", start position: 3) => "obar"
string length("foo") => 3
string length("\U01F40Eab") => 3
string length("\uD83D\uDC0E") => 1
string length(1) => null
upper case("aBc4") => "ABC4"
lower case("aBc4") => "abc4"
substring before("foobar", "bar") => "foo"
before(range: [1..10], point: 11) => true
before(point: 11, range: [1..10]) => false
after(range: [11..20], point: 10) => true
substring before("foobar", "xyz") => ""
substring before("foobar", "") => ""
substring after("foobar", "ob") => "ar"
substring after("", "a") => ""
substring after("foobar", "xyz") => ""
contains("foobar", "of") => false
contains(["foobar"], "of") => false
contains("foobar", "oba") => true
starts with("foobar", "fo") => true
ends with("foobar", "r") => true
ends with("foobar", null) => null
split("John Doe", "\\s") => ["John", "Doe"]
split("a;b;c;;", ";") => ["a", "b", "c", "", ""]
split("abc", "") => null
string join(["a", "b", "c"], "_and_") => "a_and_b_and_c"
string join(["a", null, "c"], "X") => "aXc"
string join(["a", "b"], null) => "ab"
string join([], "X") => ""
string join(["a"], "X") => "a"
string join(["a", "b"], ", ", "<", ">") => "<a, b>"
string join([1]) => null
string join("a") => "a"
matches("foobar", "^fo*b") => true
matches("foobar", "^FO*B", "i") => true
matches("foo\nbar", "^bar$") => false
matches("foo\nbar", "^bar$", "m") => true
matches("a\nb", "a.b") => false
matches("a\nb", "a.b", "s") => true
matches("helloworld", "hello world", "x") => true
matches("a.c", "a.c", "q") => true
matches("abc", "a.c", "q") => false
matches("abc", "[", "") => null
matches("abc", "a", "Z") => null
matches("aB", "\\p{Lu}") => true
matches("hello", "[a-z-[aeiou]]{2}") => true
matches("abcabc", "(abc)\\1") => true
replace("banana", "a", "o") => "bonono"
replace("abcd", "(ab)|(a)", "[1=$1][2=$2]") => "[1=ab][2=]cd"
replace("AbC", "b", "*", "i") => "A*C"
replace("abc", "b", "$0$0") => "abbc"
replace("abc", "b", "\\$") => "a$c"
replace("abc", "b", "$") => null
replace("abc", "b", "\\x") => null
replace("abc", "x*", "-") => null
replace("abc", "b", "$1", "q") => "a$1c"
extract("ref 1234, 5678", "[0-9]+") => ["1234", "5678"]
trim("  a b ") => "a b"
is blank(" ") => true
is blank("a") => false
to base64("FEEL") => "RkVFTA=="
from base64("RkVFTA==") => "FEEL"
from base64("?") => null
string length(uuid()) => 36
"""

LISTS = """
list contains([1, 2, 3], 2) => true
list contains([1, null], null) => true
list contains([1], "1") => false
list contains(null, 1) => null
count([1, [2, 3]]) => 2
count([]) => 0
count(1) => 1
min([1, 2, 3]) => 1
max(1, 2, 3) => 3
min([]) => null
min("b", "a") => "a"
max([@"P1D", @"PT25H"]) => @"PT25H"
min([1, "a"]) => null
min(1) => 1
sum([1, 2, 3]) => 6
sum(1, 2.5) => 3.5
sum([]) => null
sum([1, null]) => null
sum(null) => null
mean([1, 2, 3]) => 2
mean(1, 2) => 1.5
mean([]) => null
product([2, 3, 4]) => 24
product([]) => null
median(8, 2, 5, 3, 4) => 4
median([6, 1, 2, 3]) => 2.5
median([]) => null
stddev(2, 4, 7, 5) => 2.081665999466132735282297706979931
stddev([47]) => null
stddev([]) => null
mode(6, 3, 9, 6, 6) => [6]
mode([6, 1, 9, 6, 1]) => [1, 6]
mode([]) => []
sublist([4, 5, 6], 1, 2) => [4, 5]
sublist([4, 5, 6], -2) => [5, 6]
sublist([4, 5, 6], 2, 5) => null
sublist([4, 5, 6], 0) => null
append([1], 2, 3) => [1, 2, 3]
append([1], [2]) => [1, [2]]
append(null, 1) => null
append(1, 2) => [1, 2]
concatenate([1, 2], [3]) => [1, 2, 3]
concatenate([1], null) => null
insert before([1, 3], 1, 2) => [2, 1, 3]
insert before([1, 3], -1, 2) => [1, 2, 3]
insert before([], 1, 2) => null
remove([1, 2, 3], 2) => [1, 3]
remove([1, 2, 3], -1) => [1, 2]
remove([1], 2) => null
list replace([2, 4, 7, 8], 3, 6) => [2, 4, 6, 8]
list replace([2, 4, 7, 8], -2, 6) => [2, 4, 6, 8]
list replace([2, 4, 7, 8], function(item, newItem) item < newItem, 5) => [5, 5, 7, 8]
list replace([2], 5, 6) => null
list replace(list: [1, 2], position: 1, newItem: 9) => [9, 2]
reverse([1, 2, 3]) => [3, 2, 1]
index of([1, 2, 3, 2], 2) => [2, 4]
index of([1, null], null) => [2]
union([1, 2], [2, 3]) => [1, 2, 3]
distinct values([1, 2, 1.0, "1", null, null]) => [1, 2, "1", null]
distinct values([[1], [1], {a: 1}, {a: 1.0}, 2.5, 2.50]) => [[1], {a: 1}, 2.5]
duplicate values([1, 2, 1, "a", "a"]) => [1, "a"]
flatten([[1, 2], [[3]], 4]) => [1, 2, 3, 4]
sort([3, 1, 2], function(x, y) x < y) => [1, 2, 3]
sort(list: [3, 1, 4, 5, 2], precedes: function(x, y) x < y) => [1, 2, 3, 4, 5]
sort([{a: 2, b: 1}, {a: 1, b: 2}, {a: 1, b: 3}], function(x, y) x.a < y.a).b => [2, 3, 1]
sort([1, 2], function(x, y) null) => null
sort(["b", "a"]) => ["a", "b"]
is empty([]) => true
is empty([1]) => false
partition([1, 2, 3], 2) => [[1, 2], [3]]
partition([1], 0) => null
"""

NUMBERS = """
decimal(1/3, 2) => 0.33
decimal(1.5, 0) => 2
decimal(2.5, 0) => 2
decimal(1234, -2) => 1200
decimal(0.505, 2) => 0.50
decimal(0.515, 2) => 0.52
decimal(1, 7000) => null
floor(1.5) => 1
floor(-1.56, 1) => -1.6
floor(null) => null
ceiling(1.5) => 2
ceiling(-1.56, 1) => -1.5
round up(5.5) => null
round up(5.5, 0) => 6
round up(-5.5, 0) => -6
round up(1.121, 2) => 1.13
round down(-1.126, 2) => -1.12
round half up(5.5, 0) => 6
round half up(-5.5, 0) => -6
round half up(1.121, 2) => 1.12
round half down(5.5, 0) => 5
round half down(-1.126, 2) => -1.13
abs(-10) => 10
abs(@"-PT5H") => @"PT5H"
abs(@"-P1Y") => @"P1Y"
modulo(12, 5) => 2
modulo(-12, 5) => 3
modulo(12, -5) => -3
modulo(10.1, 4.5) => 1.1
modulo(-10.1, 4.5) => 3.4
modulo(10.1, -4.5) => -3.4
modulo(1, 0) => null
sqrt(16) => 4
sqrt(2) => 1.414213562373095048801688724209698
sqrt(-1) => null
log(10) => 2.302585092994045684017991454684364
log(0) => null
exp(5) => 148.4131591025766034211155800405523
odd(5) => true
odd(-1) => true
even(2) => true
even(1) => false
random number() < 1 => true
"""

CONTEXTS = """
get value({a: 1}, "a") => 1
get value({a: 1}, "b") => null
get value({a: {b: 1}}, ["a", "b"]) => 1
get entries({a: 1, b: 2}) => [{key: "a", value: 1}, {key: "b", value: 2}]
get entries(null) => null
context([{key: "a", value: 1}, {key: "b", value: 2, other: 3}]) => {a: 1, b: 2}
context([{key: "a", value: 1}, {key: "b"}]) => null
context({key: "a", value: 1}) => {a: 1}
context put({x: 1}, "y", 2) => {x: 1, y: 2}
context put({x: 1, y: 0}, "y", 2) => {x: 1, y: 2}
context put({x: 1, y: {a: 0}}, ["y", "a"], 2) => {x: 1, y: {a: 2}}
context put({x: 1}, ["y", "a"], 2) => {x: 1, y: {a: 2}}
context put({x: 1}, [], 2) => null
put({x: 1}, "y", 2) => {x: 1, y: 2}
context merge([{x: 1, y: 0}, {y: 2}]) => {x: 1, y: 2}
put all({x: 1}, {y: 2}) => {x: 1, y: 2}
"""

RANGES = """
before(1, 10) => true
before(10, 1) => false
before(1, [1..10]) => false
before(1, (1..10]) => true
before([1..10), 10) => true
before([1..10], [10..20]) => false
before([1..10), [10..20]) => true
before([1..10], (10..20]) => true
before((< 5), [5..6]) => true
before(1, "a") => null
after(10, 5) => true
after(12, [1..10]) => true
after(10, [1..10)) => true
after((11..20], 11) => true
after([11..20], [1..11)) => true
meets([1..5], [5..10]) => true
meets([1..5), [5..10]) => false
met by([5..10], [1..5]) => true
met by((5..10], [1..5]) => false
overlaps([1..5], [3..8]) => true
overlaps([1..5], [6..8]) => false
overlaps([1..5], (5..8]) => false
overlaps((> 3), (< 4)) => true
overlaps before([1..5], [3..8]) => true
overlaps before([1..5), [1..5]) => false
overlaps before([1..5], (1..5]) => true
overlaps after([3..8], [1..5]) => true
overlaps after((1..5], [1..5]) => true
overlaps after([1..5], [1..5)) => false
finishes(10, [1..10]) => true
finishes([5..10), [1..10]) => false
finishes((1..10], [1..10]) => true
finished by([1..10], 10) => true
finished by([1..10], (1..10]) => true
includes([1..10], 5) => true
includes((1..10], 1) => false
includes([1..10], (1..10)) => true
includes([1..10], [1..12]) => false
during(5, [1..10]) => true
during([1..5], [1..10]) => true
starts(1, [1..10]) => true
starts((1..5], [1..10]) => false
starts([1..10), [1..10]) => true
started by([1..10], [1..5]) => true
started by((1..10], 1) => false
coincides(5, 5) => true
coincides((1..5), [1..5]) => false
coincides([1..5], [1..5]) => true
"""


def _cases(*tables: str) -> list[tuple[str, str]]:
    lines = [line for table in tables for line in table.strip().splitlines()]
    return [tuple(line.rsplit(" => ", 1)) for line in lines]  # type: ignore[misc]


CASES = _cases(CONVERSION, BOOLEAN, STRINGS, LISTS, NUMBERS, CONTEXTS, RANGES)


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_builtin(agree, text, expected):
    agree(text, expected)


def test_every_builtin_has_a_case():
    elsewhere = {  # in test_feel_temporal
        "date", "time", "date and time", "duration", "years and months duration", "now", "today",
        "day of year", "day of week", "month of year", "week of year", "last day of month",
    }  # fmt: skip
    tested = {name for name in BUILTINS if any(f"{name}(" in text for text, _ in CASES)}
    assert set(BUILTINS) - tested - elsewhere == set()
