/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/fault.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t vs_clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + vs_fault_clock_ms();
}

uint64_t vs_clock_mono_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void vs_clock_format(int64_t wall_ms, char *text)
{
	int64_t ms = wall_ms % 1000;
	time_t seconds = (time_t)(wall_ms / 1000);
	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t used = strftime(text, VS_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + used, VS_CLOCK_TEXT - used, ".%03dZ", (int)ms);
}

/* `digits` digits at *at, which moves behind them; -1 when there are fewer. */
static int take_number(const char **at, const char *end, int digits)
{
	int number = 0;
	for (int i = 0; i < digits; i++, ++*at) {
		if (*at == end || **at < '0' || **at > '9')
			return -1;
		number = number * 10 + (**at - '0');
	}
	return number;
}

static bool take(const char **at, const char *end, const char *any)
{
	if (*at == end || **at == '\0' || !strchr(any, **at))
		return false;
	++*at;
	return true;
}

/* Milliseconds from the digits after the point. */
static bool take_fraction(const char **at, const char *end, int *ms)
{
	int weight = 100;
	const char *from = *at;
	*ms = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		*ms += (**at - '0') * weight;
		weight /= 10;
	}
	return *at > from;
}

/* Minutes east of Greenwich. */
static bool take_offset(const char **at, const char *end, int *minutes)
{
	*minutes = 0;
	if (take(at, end, "Zz"))
		return true;
	int sign = *at < end && **at == '-' ? -1 : 1;
	if (!take(at, end, "+-"))
		return false;
	int hour = take_number(at, end, 2);
	int minute = take(at, end, ":") ? take_number(at, end, 2) : -1;
	*minutes = sign * (hour * 60 + minute);
	return hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
}

bool vs_clock_parse(const char *text, size_t len, int64_t *wall_ms)
{
	const char *at = text, *end = text + len;
	struct tm tm = { .tm_year = take_number(&at, end, 4) - 1900 };
	int ms = 0, offset;
	if (!take(&at, end, "-") || (tm.tm_mon = take_number(&at, end, 2) - 1) < 0 || !take(&at, end, "-") ||
	    (tm.tm_mday = take_number(&at, end, 2)) < 1 || !take(&at, end, "Tt ") ||
	    (tm.tm_hour = take_number(&at, end, 2)) < 0 || !take(&at, end, ":") ||
	    (tm.tm_min = take_number(&at, end, 2)) < 0 || !take(&at, end, ":") ||
	    (tm.tm_sec = take_number(&at, end, 2)) < 0)
		return false;
	if ((take(&at, end, ".") && !take_fraction(&at, end, &ms)) || !take_offset(&at, end, &offset) || at != end)
		return false;
	/* timegm carries over what is too large: the 31st of February must not become March. A leap second may. */
	struct tm given = tm;
	int64_t seconds = timegm(&tm);
	if (given.tm_year < 70 || given.tm_hour > 23 || given.tm_min > 59 || given.tm_sec > 60 ||
	    (given.tm_sec < 60 && (tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday)))
		return false;
	*wall_ms = (seconds - offset * 60) * 1000 + ms;
	return *wall_ms >= 0;
}
