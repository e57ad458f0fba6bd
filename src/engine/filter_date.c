/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/filter_date.h"

#define LONGEST 35 /* 2024-05-01T10:00:00.123456789+02:00 */

struct reader {
	const char *at;
	const char *end;
};

static bool take(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool take_either(struct reader *reader, char a, char b)
{
	return take(reader, a) || take(reader, b);
}

/* Exactly so many digits, of at most this value. */
static bool take_number(struct reader *reader, unsigned digits, unsigned most, unsigned *number)
{
	*number = 0;
	for (; digits > 0; digits--, reader->at++) {
		if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9')
			return false;
		*number = *number * 10 + (unsigned)(*reader->at - '0');
	}
	return *number <= most;
}

/* 1 to 9 digits after the point. */
static bool take_fraction(struct reader *reader, uint32_t *nanos)
{
	uint32_t unit = 100000000;
	const char *start = reader->at;
	*nanos = 0;
	for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++, unit /= 10)
		*nanos += unit * (uint32_t)(*reader->at - '0'); /* a unit of 0: a tenth digit, refused below */
	return reader->at > start && reader->at - start <= 9;
}

/* Days from 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static bool take_day(struct reader *reader, int64_t *seconds)
{
	unsigned year, month, day;
	if (!take_number(reader, 4, 9999, &year) || !take(reader, '-') || !take_number(reader, 2, 12, &month) ||
	    !take(reader, '-') || !take_number(reader, 2, 31, &day))
		return false;
	if (month == 0 || day == 0 || day > days_in(year, month))
		return false;
	*seconds = days_of(year, month, day) * 86400;
	return true;
}

static bool take_zone(struct reader *reader, int64_t *seconds)
{
	unsigned hours, minutes = 0;
	bool east = take(reader, '+');
	if (!east && !take(reader, '-'))
		return true;
	if (!take_number(reader, 2, 23, &hours))
		return false;
	bool colon = take(reader, ':');
	if ((colon || reader->at < reader->end) && !take_number(reader, 2, 59, &minutes))
		return false;
	int64_t offset = (int64_t)(hours * 3600 + minutes * 60);
	*seconds += east ? -offset : offset;
	return true;
}

static bool take_time(struct reader *reader, int64_t *seconds, uint32_t *nanos)
{
	unsigned hour, minute, second = 0;
	if (!take_number(reader, 2, 23, &hour) || !take(reader, ':') || !take_number(reader, 2, 59, &minute))
		return false;
	if (take(reader, ':')) {
		if (!take_number(reader, 2, 60, &second))
			return false;
		if (take_either(reader, '.', ',') && !take_fraction(reader, nanos))
			return false;
	}
	*seconds += (int64_t)(hour * 3600 + minute * 60 + second);
	return take_either(reader, 'Z', 'z') || take_zone(reader, seconds);
}

bool vs_filter_date_read(const char *text, size_t len, struct vs_filter_value *value)
{
	struct reader reader = { text, text + len };
	int64_t seconds;
	uint32_t nanos = 0;
	if (len < 10 || len > LONGEST || !take_day(&reader, &seconds))
		return false;
	if (reader.at < reader.end) {
		if ((!take_either(&reader, 'T', 't') && !take(&reader, ' ')) || !take_time(&reader, &seconds, &nanos))
			return false;
	}
	if (reader.at != reader.end)
		return false;
	*value = (struct vs_filter_value){ .kind = VS_FILTER_DATE, .date = { seconds, nanos } };
	return true;
}

struct vs_filter_value vs_filter_date_from_ms(int64_t ms)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);
	uint32_t nanos = (uint32_t)(ms - seconds * 1000) * 1000000;
	return (struct vs_filter_value){ .kind = VS_FILTER_DATE, .date = { seconds, nanos } };
}
