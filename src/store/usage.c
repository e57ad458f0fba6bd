/* SPDX-License-Identifier: Apache-2.0 */
#include "store/usage.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const names[VS_USAGES] = {
#define VS_USAGE(id, column, what) column,
#include "store/usage.tbl"
#undef VS_USAGE
};

const char *vs_usage_name(enum vs_usage_kind kind)
{
	return names[kind];
}

void vs_usage_format_day(int32_t day, char text[VS_USAGE_DAY])
{
	time_t when = (time_t)day * 86400;
	struct tm tm;

	gmtime_r(&when, &tm);
	if (strftime(text, VS_USAGE_DAY, "%Y-%m-%d", &tm) == 0)
		text[0] = '\0';
}

bool vs_usage_parse_day(const char *text, int32_t *day)
{
	struct tm tm = { .tm_isdst = 0 };
	char again[VS_USAGE_DAY];
	time_t when;

	if (sscanf(text, "%4d-%2d-%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) != 3)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	when = timegm(&tm);
	if (when < 0)
		return false;
	*day = (int32_t)(when / 86400);
	vs_usage_format_day(*day, again); /* what is no day of the calendar comes back as another */
	return strcmp(text, again) == 0;
}
