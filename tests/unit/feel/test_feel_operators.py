"""Arithmetic, comparison, three-valued logic, control flow: tables by feature."""

from __future__ import annotations

import pytest

ARITHMETIC = """
1 + 2 => 3
.25 + .2 => 0.45
0.1 + 0.2 => 0.3
1 + 3/2*2 - 2**3 => -4
1 - - 1 => 2
-3 ** 2 => 9
2 ** 3 ** 2 => 64
2 ** -1 => 0.5
4 ** 0.5 => 2
0 ** 0 => 1
1/0 => null
1/3 => 0.3333333333333333333333333333333333
2/3 => 0.6666666666666666666666666666666667
7 / 2 => 3.5
9999999999999999999999999999999999 + 1 => 10000000000000000000000000000000000
9999999999999999999999999999999999 * 9999999999999999999999999999999999 > 10**67 => true
10 ** 7000 => null
"a" + "b" => "ab"
"a" + 1 => null
"a" - "b" => null
null + 1 => null
true + 1 => null
-"a" => null
(1 + 2) * 3 => 9
1.01/2 => 0.505
1.0*10**3 => 1000
-(2) => 0 - 2
- -2 => 2
10--10 => 20
string(-0.0) => "0.0"
[1] + [2] => null
"""

COMPARISON = """
1 = 1.000 => true
1 = "1" => null
null = null => true
null = 1 => false
1 != null => true
null != null => false
"a" = "a" => true
"a" != "b" => true
true = false => false
true = 1 => null
false = 0 => null
"a" < "b" => true
"ab" < "a" => false
1 < "a" => null
null < 1 => null
true > false => null
[1, 2] = [1, 2] => true
[1, 2] = [2, 1] => false
[1] = [1, 2] => false
[1, [2]] = [1, [2.0]] => true
{a: 1, b: 2} = {b: 2, a: 1} => true
{a: 1} = {a: 2} => false
{a: 1} = {b: 1} => false
[1..5] = [1..5] => true
[1..5] = [1..5) => false
(< 5) = (< 5) => true
1 between 0 and 2 => true
3 between 0 and 2 => false
1 between "a" and 2 => null
3 between null and 2 => false
1 between null and 2 => null
5 between 1 and 7 and true => true
1 < 2 = true => true
"""

LOGIC = """
true and true => true
true and false => false
true and null => null
false and null => false
null and false => false
null and null => null
true or null => true
null or true => true
false or null => null
false or false => false
false or true => true
"x" and true => null
"x" and false => false
1 or true => true
true or false and false => true
(true or false) and false => false
not(true) => false
not(null) => null
not("a") => null
true and true and true => true
false or false or true => true
"""

MEMBERSHIP = """
1 in [1, 2] => true
3 in [1, 2] => false
1 in (1, 2) => true
5 in (<5, >5) => false
5 in (<=5) => true
5 in ([5..10]) => true
5 in ((5..10]) => false
5 in ]5..10] => false
5 in [1..5[ => false
5 in (> 3) => true
5 in > 3 => true
5 in != 3 => true
5 in = 5 => true
"b" in ["a".."c"] => true
1 in "a" => null
null in [1, null] => true
[1] in [[1], [2]] => true
[1, 2] in [1, 2] => true
7 in [[1..3], [5..9]] => true
5 in (? > 3) => true
@"2012-12-31" in [@"2012-12-25"..@"2013-02-14"] => true
1 in (2) => false
3 in (1 + 2) => true
"""

CONTROL = """
if true then 1 else 2 => 1
if null then 1 else 2 => 2
if "x" then 1 else 2 => 2
if 1 > 2 then "a" else if 2 > 1 then "b" else "c" => "b"
for i in [1, 2, 3] return i * i => [1, 4, 9]
for i in [1, 2], j in [10, 20] return i + j => [11, 21, 12, 22]
for i in [[1, 2], [3]], j in i return j => [1, 2, 3]
for i in 3..1 return i => [3, 2, 1]
for i in -1..1 return i => [-1, 0, 1]
for i in 2..2 return i => [2]
for i in [1..3] return i => [1, 2, 3]
for i in (1..3) return i => [2]
for i in 0..4 return if i = 0 then 1 else i * partial[-1] => [1, 1, 2, 6, 24]
for i in 1..3 return count(partial) => [0, 1, 2]
for i in [] return i => []
for i in null return i => null
for i in 5 return i => [5]
for i in 1..null return i => null
for d in @"2020-01-30"..@"2020-02-01" return d.day => [30, 31, 1]
for a b in [1] return a b + 1 => [2]
some x in [1, 2] satisfies x > 1 => true
some x in [] satisfies true => false
some x in [1, null] satisfies x > 1 => null
some x in [1, 2], y in [2, 3] satisfies x > y => false
some x in null satisfies true => null
every x in [1, 2] satisfies x > 0 => true
every x in [] satisfies false => true
every x in [1, null] satisfies x > 0 => null
every x in [1, -1, null] satisfies x > 0 => false
some x in 1..3 satisfies x = 3 => true
"""

STRUCTURES = """
{a: 1, b: a + 1}.b => 2
{a: 1, b: {c: a}}.b.c => 1
{"a key": 1}.a key => 1
{a b: 1, c: a b + 1}.c => 2
{"a-b": 1, c: a-b + 1}.c => 2
{a: 1}.b => null
null.a => null
[{a: 1}, {a: 2}].a => [1, 2]
[{a: {b: [1]}}, {a: {b: [2.1, 2.2]}}].a.b => [[1], [2.1, 2.2]]
[10, 20, 30][1] => 10
[10, 20, 30][-1] => 30
[10, 20, 30][0] => null
[10, 20, 30][4] => null
[10, 20, 30][1.5] => null
[1, 2, 3, 4][item > 2] => [3, 4]
[1, 2]["x"] => null
[1, 2][null] => []
{a: 1}["a"] => null
[1, 2, "x"][item > 1] => [2]
[{x: 1, y: 2}, {x: 2, y: 3}][x = 1] => [{x: 1, y: 2}]
[{x: 1}, {x: null}][x < 2] => [{x: 1}]
[{item: 5}, {item: 6}][item > 5] => [{item: 6}]
[1, 2, 3][even(item)] => [2]
3[item > 2] => [3]
3[item > 5] => []
5[1] => 5
5[2] => null
[][1] => null
[][item > 1] => []
null[1] => null
{i: 2, r: [10, 20, 30][i]}.r => 20
[[1, 2], [3]][1][2] => 2
{f: function(x) x + 1, r: f(2)}.r => 3
{f: function(x, y) x - y, r: f(y: 1, x: 3)}.r => 2
{f: function(x, y) y, r: f(x: 3)}.r => null
{f: function(x: number) x, r: f("a")}.r => null
{f: function(x: number) x, r: f([5])}.r => 5
{f: function(n) if n <= 1 then 1 else n * f(n - 1), r: f(10)}.r => 3628800
(function(x) function(y) x + y)(1)(2) => 3
{f: 1, r: f(1)}.r => null
unknown(1) => null
{f: function(x) x, r: f(1, 2)}.r => null
[1..5].start => 1
(1..5].start included => false
[1..5].end included => true
(<= 5).end => 5
(<= 5).start => null
[5..1] => null
[1.."a"] => null
[1..null] => null
"""

TYPES = """
1 instance of number => true
-3 instance of number => true
"a" instance of string => true
true instance of boolean => true
1 instance of string => false
1 instance of Any => true
null instance of Any => false
null instance of Null => true
null instance of number => false
@"2020-01-01" instance of date => true
@"10:00:00" instance of time => true
@"2020-01-01T10:00:00" instance of date and time => true
@"P1Y" instance of years and months duration => true
@"P1D" instance of days and time duration => true
@"P1D" instance of years and months duration => false
[1] instance of list<number> => true
[1, "a"] instance of list<number> => false
["a"] instance of list<Any> => true
{a: 1} instance of context<a: number> => true
{a: 1, b: 2} instance of context<a: number> => true
{a: "x"} instance of context<a: number> => false
{} instance of context<a: number> => false
[1..2] instance of range<number> => true
[1..2] instance of range<date> => false
(function(a: number) a) instance of function<number> -> number => true
(function(a) a) instance of function<number> -> Any => true
(function(a: string) a) instance of function<number> -> Any => false
(function(a, b) a) instance of function<number> -> Any => false
1 instance of nothing known => null
1 instance of number and true => true
"""


def _cases(*tables: str) -> list[tuple[str, str]]:
    lines = [line for table in tables for line in table.strip().splitlines()]
    return [tuple(line.rsplit(" => ", 1)) for line in lines]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    _cases(ARITHMETIC, COMPARISON, LOGIC, MEMBERSHIP, CONTROL, STRUCTURES, TYPES),
)
def test_operators(agree, text, expected):
    agree(text, expected)
