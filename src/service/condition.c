/* SPDX-License-Identifier: Apache-2.0 */
#include "service/condition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/json_in.h"

#define NO_VERSION INT64_MAX /* of a tag that no record has */

void vs_condition_tag(struct vs_call *call, int64_t version)
{
	snprintf(call->response->etag, sizeof(call->response->etag), "\"%" PRId64 "\"", version);
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

struct tag {
	bool weak;
	int64_t version; /* NO_VERSION: it is no tag of ours */
};

/* The entity-tag at *at, which moves behind it; false when there is none. */
static bool next_tag(const char **at, struct tag *tag)
{
	const char *from = *at;
	int64_t version = 0;
	tag->weak = from[0] == 'W' && from[1] == '/';
	from += tag->weak ? 2 : 0;
	if (*from++ != '"')
		return false;
	const char *end = strchr(from, '"');
	if (!end)
		return false;
	bool ours = end > from && *from != '0' && end - from <= 18;
	for (const char *p = from; ours && p < end; p++) {
		ours = *p >= '0' && *p <= '9';
		version = version * 10 + (*p - '0');
	}
	tag->version = ours ? version : NO_VERSION;
	*at = end + 1;
	return true;
}

/* One strong tag or *. */
static int decode_match(const char *text, int64_t *if_version, struct vs_error *error)
{
	const char *at = skip_space(text);
	struct tag tag = { false, 0 };
	bool good = true;
	if (*at == '*') {
		*if_version = VS_IF_PRESENT;
		at++;
	} else {
		good = next_tag(&at, &tag);
		*if_version = tag.weak ? NO_VERSION : tag.version;
	}
	if (!good || *skip_space(at) != '\0')
		return vs_error_at(error, VS_EINVAL, "If-Match", -1, "must be one ETag, such as \"3\", or *");
	return 0;
}

static int decode_none_match(const char *text, int64_t *if_version, struct vs_error *error)
{
	const char *at = skip_space(text);
	if (*at != '*' || *skip_space(at + 1) != '\0')
		return vs_error_at(error, VS_EINVAL, "If-None-Match", -1, "a write takes * alone: create only");
	*if_version = VS_IF_MISSING;
	return 0;
}

int vs_condition_field(const struct vs_fields *fields, int64_t *if_version, struct vs_error *error)
{
	bool present;
	int64_t version = 0;
	int rc = vs_fields_integer(fields, "if_version", 0, INT64_MAX, &present, &version, error);
	*if_version = rc || !present ? 0 : version == 0 ? VS_IF_MISSING : version;
	return rc;
}

int vs_condition_decode(const struct vs_call *call, const struct vs_fields *fields, int64_t *if_version,
                        struct vs_error *error)
{
	const struct vs_request *request = call->request;
	*if_version = 0;
	int rc = fields ? vs_condition_field(fields, if_version, error) : 0;
	if (rc)
		return rc;
	if ((*if_version != 0) + (request->if_match != NULL) + (request->if_none_match != NULL) > 1)
		return vs_error_at(error, VS_EINVAL, "if_version", -1,
		                   "only one of if_version, If-Match and If-None-Match can be given");
	if (request->if_match)
		return decode_match(request->if_match, if_version, error);
	return request->if_none_match ? decode_none_match(request->if_none_match, if_version, error) : 0;
}

int vs_condition_refuse(const struct vs_call *call, struct vs_error *error)
{
	const char *field = call->request->if_match ? "If-Match" : call->request->if_none_match ? "If-None-Match" : NULL;
	if (!field)
		return 0;
	return vs_error_at(error, VS_EINVAL, field, -1, "means one record; this request may mean many");
}

static bool names_version(const char *text, int64_t version)
{
	const char *at = skip_space(text);
	struct tag tag;
	if (*at == '*')
		return true;
	while (next_tag(&at, &tag)) {
		if (tag.version == version)
			return true;
		at = skip_space(at);
		if (*at != ',')
			return false;
		at = skip_space(at + 1);
	}
	return false;
}

int vs_condition_read(const struct vs_call *call, int64_t version, bool *unchanged, struct vs_error *error)
{
	const struct vs_request *request = call->request;
	int64_t wanted = VS_IF_PRESENT;
	*unchanged = request->if_none_match && names_version(request->if_none_match, version);
	int rc = request->if_match ? decode_match(request->if_match, &wanted, error) : 0;
	if (!rc && wanted != VS_IF_PRESENT && wanted != version)
		return vs_error_at(error, VS_EVERSION, "If-Match", -1, "the record has version %" PRId64, version);
	return rc;
}
