"""Dates, times, durations: reading, writing, properties, arithmetic, laws."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee import feel
from phee.feel import DaysTimeDuration, WideDate, YearsMonthsDuration
from phee.feel.durations import parse_duration
from phee.feel.temporal import date_from_epoch_day, datetime_from_instant, epoch_day, instant_nanos

TABLE = """
date("2017-01-01") => @"2017-01-01"
date("2017-13-01") => null
date("2017-1-1") => null
date("2017-02-29") => null
date(2016, 2, 29) => @"2016-02-29"
date(2017, 2, 29) => null
date(@"2017-01-01T10:00:00Z") => @"2017-01-01"
date("+2017-01-01") => null
date("02017-01-01") => null
date("-2016-01-30").year => -2016
string(date("999999999-12-31")) => "999999999-12-31"
date("1000000000-01-01") => null
string(date("-0044-03-15")) => "-0044-03-15"
time("10:20:30.5") => time(10, 20, 30.5)
time("24:00:00") => null
time("10:20") => null
time("10:20:30@Nowhere/Land") => null
time("23:59:00z") + @"PT2M" => time("00:01:00@Etc/UTC")
time(11, 59, 45, @"-PT2H") => @"11:59:45-02:00"
time(11, 59, 45, null) => @"11:59:45"
time(25, 0, 0) => null
time(@"2020-01-01T10:00:00Z") => @"10:00:00Z"
time(@"2020-01-01") => @"00:00:00Z"
date and time("2012-12-24") => @"2012-12-24T00:00:00"
date and time(@"2012-12-24", @"23:59:00") => @"2012-12-24T23:59:00"
date and time(@"2012-12-24T10:00:00", @"23:59:00Z") => @"2012-12-24T23:59:00Z"
date and time("2012-12-24T25:00:00") => null
date and time(@"2020-07-31T14:27:30Z", "Asia/Tokyo") => @"2020-07-31T23:27:30@Asia/Tokyo"
string(@"2012-12-24T23:59:00.123456789@Asia/Tokyo") => "2012-12-24T23:59:00.123456789@Asia/Tokyo"
string(@"2012-12-24T23:59:00+02:30") => "2012-12-24T23:59:00+02:30"
string(@"10:00:00+00:00") => "10:00:00Z"
@"2020-01-01T12:00:00+02:00" = @"2020-01-01T10:00:00Z" => true
@"2020-01-01T12:00:00" = @"2020-01-01T12:00:00Z" => false
@"2020-01-01T12:00:00" < @"2020-01-01T13:00:00Z" => true
@"12:00:00+02:00" = @"10:00:00Z" => true
@"2020-01-01" < @"2020-01-02" => true
@"2020-01-01" = @"2020-01-01T00:00:00" => null
@"2019-09-17T10:00:00".weekday => 2
@"2019-09-17".month => 9
@"2019-09-17".hour => null
@"10:20:30+01:00".time offset => @"PT1H"
@"10:20:30".time offset => null
@"2020-07-01T10:00:00@Europe/Paris".time offset => @"PT2H"
@"2020-07-01T10:00:00@Europe/Paris".timezone => "Europe/Paris"
@"10:20:30Z".timezone => null
@"10:20:30".second => 30
duration("P0DT25H") => @"P1DT1H"
duration("P2Y2M") => @"P26M"
duration("P1Y1D") => null
duration("P") => null
duration("PT") => null
duration("P1W") => null
duration("PT1.S") => null
duration("1D") => null
string(duration("P13M")) => "P1Y1M"
string(duration("PT0S")) => "PT0S"
string(duration("P0Y")) => "P0M"
string(duration("-P1DT2H3M4.5S")) => "-P1DT2H3M4.5S"
@"P1DT2H3M4.5S".seconds => 4.5
@"-P1DT2H".hours => -2
@"P1DT2H".years => null
@"P1Y14M".months => 2
years and months duration(@"2011-12-22", @"2013-08-24") => @"P1Y8M"
years and months duration(@"2013-08-24", @"2011-12-25") => @"-P1Y7M"
years and months duration(@"2020-01-31", @"2020-02-29") => @"P0M"
@"2012-12-25" - @"2012-12-24" => @"P1D"
@"2012-12-24T23:59:00" - @"2012-12-22T03:45:00" => @"P2DT20H14M"
@"2020-01-02T00:00:00Z" - @"2020-01-01" => @"P1D"
@"2020-01-02T00:00:00" - @"2020-01-01T00:00:00Z" => null
@"2020-01-31" + @"P1M" => @"2020-02-29"
@"2020-03-31" - @"P1M" => @"2020-02-29"
@"P1Y" + @"2020-02-29" => @"2021-02-28"
@"2017-01-01" + @"PT25H" => @"2017-01-02"
@"2017-01-01" - @"PT1H" => @"2016-12-31"
@"2017-03-26T01:30:00@Europe/Paris" + @"PT1H" => @"2017-03-26T03:30:00@Europe/Paris"
@"23:30:00" + @"PT1H" => @"00:30:00"
@"10:00:00" - @"09:00:00" => @"PT1H"
@"10:00:00Z" - @"09:00:00" => null
@"PT1H" * 1.5 => @"PT1H30M"
2 * @"P1Y" => @"P2Y"
@"P1Y" / 2 => @"P6M"
@"P1Y" / @"P1M" => 12
@"PT1H" / @"PT0S" => null
@"PT1H" / 0 => null
@"P1Y" + @"P1D" => null
@"P1D" - @"PT1H" => @"PT23H"
@"P1D" < @"PT25H" => true
@"P1D" < @"P1M" => null
-@"P1D" => @"-P1D"
date("999999999-12-31") + @"P1D" => null
@"9999-12-31" + @"P1D" = date("10000-01-01") => true
date("10000-01-01") - @"9999-12-31" => @"P1D"
day of year(@"2019-09-17") => 260
day of week(@"2019-09-17") => "Tuesday"
month of year(@"2019-09-17T10:00:00") => "September"
week of year(@"2019-09-17") => 38
week of year(@"2003-12-29") => 1
week of year(@"2004-01-04") => 1
week of year(@"2005-01-01") => 53
week of year(@"2005-01-09") => 1
last day of month(@"2024-02-03") => @"2024-02-29"
now() instance of date and time => true
date(now()) = today() => true
"""


@pytest.mark.parametrize(
    ("text", "expected"), [line.rsplit(" => ", 1) for line in TABLE.strip().splitlines()]
)
def test_temporal(agree, text, expected):
    agree(text, expected)


def test_values_are_pythons_own():
    assert feel.evaluate('@"2020-01-02"') == date(2020, 1, 2)
    assert feel.evaluate('@"10:20:30Z"') == time(10, 20, 30, tzinfo=UTC)
    paris = ZoneInfo("Europe/Paris")
    assert feel.evaluate('@"2020-01-02T10:20:30@Europe/Paris"') == datetime(
        2020, 1, 2, 10, 20, 30, tzinfo=paris
    )
    assert feel.evaluate('@"10:20:30+02:00"').tzinfo == timezone(timedelta(hours=2))
    assert feel.evaluate('@"P1Y2M"') == YearsMonthsDuration(14)
    assert feel.evaluate('@"PT1.5S"') == DaysTimeDuration(1_500_000_000)
    assert feel.evaluate('date("12000-01-01")') == WideDate(12000, 1, 1)


def test_the_moment_and_the_chance_can_be_given():
    moment = datetime(2030, 5, 6, 7, tzinfo=UTC)
    expression = feel.compile("[now(), today(), random number(), uuid()]")
    first = expression.evaluate({}, now=moment, seed="one")
    assert first[:2] == [moment, date(2030, 5, 6)]
    assert first == expression.evaluate({}, now=moment, seed="one")
    for other in (expression.evaluate({}, now=moment, seed="two"), expression.evaluate({})):
        assert first[2] != other[2]
        assert first[3] != other[3]


DAYS = st.integers(-10_000_000, 10_000_000)
NANOS = st.integers(-(10**20), 10**20)


@given(DAYS)
def test_day_numbers_and_dates_are_one_to_one(day):
    assert epoch_day(date_from_epoch_day(day)) == day


@given(NANOS, st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"]))
def test_an_instant_survives_every_zone(nanos, zone):
    assert instant_nanos(datetime_from_instant(nanos, ZoneInfo(zone))) == nanos


@given(st.integers(-(10**12), 10**12), st.integers(-(10**18), 10**18))
def test_durations_survive_their_text(months, nanos):
    for duration in (YearsMonthsDuration(months), DaysTimeDuration(nanos)):
        assert parse_duration(str(duration)) == duration


@given(DAYS, st.integers(-(10**6), 10**6))
def test_adding_and_subtracting_days_cancel(day, difference):
    context = {"d": date_from_epoch_day(day), "p": DaysTimeDuration(difference * 86_400 * 10**9)}
    assert feel.evaluate("(d + p) - p = d", context) is True
    assert feel.evaluate("(d + p) - d = p", context) is True


@given(st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("Europe/Paris")])), NANOS)
def test_moving_along_the_time_line_is_undone(moment, nanos):
    context = {"m": moment, "p": DaysTimeDuration(nanos // 1000 * 1000)}
    assert feel.evaluate("(m + p) - p = m", context) is True


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=0, max_value=59))
def test_seconds_keep_their_fraction(second):
    value = feel.evaluate("time(1, 2, s)", {"s": second})
    assert feel.to_text(value).startswith(f"01:02:{int(second):02d}")
    assert Decimal(feel.to_text(value)[6:]) == second
