/* SPDX-License-Identifier: Apache-2.0 */
#include "service/target.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

/* Being decoded: from text into out, which has room for all of it. */
struct decoder {
	const char *start; /* of the target, for positions */
	struct vs_error *error;
	char *out;
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One piece, [from, to), decoded to d->out, which moves past its NUL. */
static int decode_piece(struct decoder *d, const char *from, const char *to, bool query, struct vs_text *piece)
{
	char *out = d->out;
	piece->data = out;
	for (const char *p = from; p < to; p++) {
		int64_t at = p - d->start;
		if (*p == '%') {
			int high = to - p > 2 ? hex_value(p[1]) : -1;
			int low = high >= 0 ? hex_value(p[2]) : -1;
			if (low < 0)
				return vs_error_at(d->error, VS_EINVAL, "target", at, "%% is not followed by two hex digits");
			if (high == 0 && low == 0)
				return vs_error_at(d->error, VS_EINVAL, "target", at, "%%00 is not allowed");
			*out++ = (char)(high << 4 | low);
			p += 2;
		} else if (query && *p == '+') {
			*out++ = ' ';
		} else {
			*out++ = *p;
		}
	}
	piece->len = (size_t)(out - piece->data);
	*out++ = '\0';
	d->out = out;
	return 0;
}

static int decode_path(struct vs_target *target, struct decoder *d, const char *path, const char *end)
{
	const char *from = path + 1;
	for (;;) {
		const char *slash = memchr(from, '/', (size_t)(end - from));
		const char *to = slash ? slash : end;
		if (target->segment_count == VS_TARGET_SEGMENTS_MAX)
			return vs_error_set(d->error, VS_ENOTFOUND, "no such path: it has more than %d segments",
			                    VS_TARGET_SEGMENTS_MAX);
		int rc = decode_piece(d, from, to, false, &target->segments[target->segment_count]);
		if (rc)
			return rc;
		target->segment_count++;
		if (!slash)
			return 0;
		from = slash + 1;
	}
}

static int decode_param(struct vs_target *target, struct decoder *d, const char *from, const char *to)
{
	const char *equals = memchr(from, '=', (size_t)(to - from));
	struct vs_param param;
	if (target->param_count == VS_TARGET_PARAMS_MAX)
		return vs_error_set(d->error, VS_EINVAL, "the query string has more than %d parameters", VS_TARGET_PARAMS_MAX);
	int rc = decode_piece(d, from, equals ? equals : to, true, &param.name);
	if (!rc)
		rc = decode_piece(d, equals ? equals + 1 : to, to, true, &param.value);
	if (rc)
		return rc;
	if (vs_target_param(target, param.name.data))
		return vs_error_at(d->error, VS_EINVAL, param.name.data, -1, "is given twice in the query string");
	target->params[target->param_count++] = param;
	return 0;
}

static int decode_query(struct vs_target *target, struct decoder *d, const char *from, const char *end)
{
	while (from < end) {
		const char *ampersand = memchr(from, '&', (size_t)(end - from));
		const char *to = ampersand ? ampersand : end;
		int rc = to > from ? decode_param(target, d, from, to) : 0;
		if (rc)
			return rc;
		from = to + 1;
	}
	return 0;
}

int vs_target_decode(struct vs_target *target, const char *text, struct vs_arena *arena, struct vs_error *error)
{
	size_t len = strlen(text);
	target->segment_count = 0;
	target->param_count = 0;
	if (len > VS_TARGET_LEN_MAX)
		return vs_error_set(error, VS_ETOOBIG, "the request target is longer than %d bytes", VS_TARGET_LEN_MAX);
	if (text[0] != '/')
		return vs_error_at(error, VS_EINVAL, "target", 0, "must start with '/'");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return vs_error_at(error, VS_EINVAL, "target", (int64_t)i, "a control character must be percent-encoded");
	/* Every piece shrinks or stays, and its NUL takes the place of a separator; a last '=' may be missing. */
	struct decoder d = { text, error, vs_arena_alloc(arena, len + VS_TARGET_PARAMS_MAX + 2) };
	if (!d.out)
		return vs_error_set(error, VS_ENOMEM, "no memory for the request target");
	const char *question = memchr(text, '?', len);
	const char *end = text + len;
	int rc = decode_path(target, &d, text, question ? question : end);
	if (!rc && question)
		rc = decode_query(target, &d, question + 1, end);
	return rc;
}

const struct vs_text *vs_target_param(const struct vs_target *target, const char *name)
{
	for (size_t i = 0; i < target->param_count; i++)
		if (strcmp(target->params[i].name.data, name) == 0)
			return &target->params[i].value;
	return NULL;
}

int vs_target_check(const struct vs_target *target, const char *const *names, struct vs_error *error)
{
	for (size_t i = 0; i < target->param_count; i++) {
		const char *const *name = names;
		while (*name && strcmp(*name, target->params[i].name.data) != 0)
			name++;
		if (!*name)
			return vs_error_at(error, VS_EINVAL, target->params[i].name.data, -1,
			                   "unknown parameter in the query string");
	}
	return 0;
}

int vs_target_number(const struct vs_target *target, const char *name, unsigned long min, unsigned long max,
                     unsigned long *value, struct vs_error *error)
{
	const struct vs_text *text = vs_target_param(target, name);
	unsigned long number = 0;
	if (!text)
		return 0;
	bool good = text->len > 0 && text->len < 19;
	for (size_t i = 0; good && i < text->len; i++) {
		good = text->data[i] >= '0' && text->data[i] <= '9';
		number = number * 10 + (unsigned long)(text->data[i] - '0');
	}
	if (!good || number < min || number > max)
		return vs_error_at(error, VS_EINVAL, name, -1, "must be a whole number from %lu to %lu", min, max);
	*value = number;
	return 0;
}

int vs_target_bool(const struct vs_target *target, const char *name, bool *value, struct vs_error *error)
{
	const struct vs_text *text = vs_target_param(target, name);
	if (!text)
		return 0;
	if (strcmp(text->data, "true") == 0 || strcmp(text->data, "1") == 0)
		*value = true;
	else if (strcmp(text->data, "false") == 0 || strcmp(text->data, "0") == 0)
		*value = false;
	else
		return vs_error_at(error, VS_EINVAL, name, -1, "must be true or false");
	return 0;
}
