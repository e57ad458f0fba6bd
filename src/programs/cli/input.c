/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

#define BLOCK (256u << 10)      /* bytes that are read at once */
#define BLOCK_LEAST (4u << 10) /* of small files */

int vs_input_open(struct vs_input *input, const char *path, struct vs_error *error)
{
	struct stat st = { 0 };
	memset(input, 0, sizeof *input);
	input->name = path;
	input->block = BLOCK;
	errno = 0;
	if (strcmp(path, "-") == 0) {
		int fd = dup(STDIN_FILENO);
		input->name = "standard input";
		input->gz = fd < 0 ? NULL : gzdopen(fd, "rb");
		if (!input->gz && fd >= 0)
			close(fd);
	} else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		return vs_error_set(error, VS_EINVAL, "%s is a folder", path);
	} else {
		input->gz = gzopen(path, "rbe");
		while (input->block > BLOCK_LEAST && S_ISREG(st.st_mode) && st.st_size < input->block / 2)
			input->block /= 2;
	}
	if (!input->gz)
		return vs_error_errno(error, errno ? errno : ENOMEM, "%s", path);
	gzbuffer(input->gz, input->block);
	return 0;
}

void vs_input_close(struct vs_input *input)
{
	if (input->gz)
		gzclose(input->gz);
	free(input->data);
	memset(input, 0, sizeof *input);
}

static int read_fault(struct vs_input *input, struct vs_error *error)
{
	int code;
	const char *text = gzerror(input->gz, &code);
	if (code == Z_BUF_ERROR)
		text = "the compressed data end too early";
	else if (code == Z_ERRNO)
		text = strerror(errno);
	return vs_error_set(error, VS_EIO, "%s", text);
}

/* Reads one more block behind what is there: how many bytes, or VS_E…. */
static int fill(struct vs_input *input, struct vs_error *error)
{
	if (input->begin > 0) {
		memmove(input->data, input->data + input->begin, input->end - input->begin);
		input->end -= input->begin;
		input->begin = 0;
	}
	if (input->cap - input->end < input->block) {
		size_t cap = input->cap ? 2 * input->cap : 2 * (size_t)input->block;
		char *data = realloc(input->data, cap + 1); /* a row's reader may put a NUL after it */
		if (!data)
			return vs_error_set(error, VS_ENOMEM, "no memory for a line of %zu bytes", cap);
		input->data = data;
		input->cap = cap;
	}
	int n = gzread(input->gz, input->data + input->end, input->block);
	int code = Z_OK;
	if (n >= 0)
		gzerror(input->gz, &code); /* a cut-off gzip file gives its bytes first, then ends like a whole one */
	if (n < 0 || (n == 0 && code != Z_OK && code != Z_STREAM_END))
		return read_fault(input, error);
	input->end += (size_t)n;
	return n;
}

/* Where the row or line of have bytes ends, looked for from seen on; NULL: not here. quoted: the state of the scan,
 * kept from call to call; NULL: quotes mean nothing. */
static char *find_end(struct vs_input *input, char *start, size_t seen, size_t have, bool *quoted)
{
	if (!quoted)
		return have > seen ? memchr(start + seen, '\n', have - seen) : NULL;
	for (char *p = start + seen; p < start + have; p++) {
		if (*p == '\n' && !*quoted)
			return p;
		*quoted ^= *p == '"';
		input->inner += *p == '\n';
	}
	return NULL;
}

static int next_line(struct vs_input *input, bool *quoted, char **text, size_t *len, struct vs_error *error)
{
	size_t seen = 0; /* bytes known to hold no end */
	input->lines += input->inner + 1; /* at once, so that a fault has the number of the line it is in */
	input->inner = 0;
	for (;;) {
		char *start = input->data + input->begin;
		size_t have = input->end - input->begin;
		char *stop = find_end(input, start, seen, have, quoted);
		int n = 1;
		if (!stop) {
			seen = have;
			if (have > VS_INPUT_LINE_MAX)
				return vs_error_set(error, VS_ETOOBIG, "the line is longer than %u bytes%s", VS_INPUT_LINE_MAX,
				                    quoted && *quoted ? ": is a double quote never closed?" : "");
			n = fill(input, error);
			if (n < 0)
				return n;
			if (n > 0)
				continue;
			if (have == 0) {
				input->lines--;
				return 0;
			}
			if (quoted && *quoted)
				return vs_error_set(error, VS_EINVAL, "a double quote is never closed");
			start = input->data + input->begin; /* the last line may lack its end */
			stop = start + have;
		}
		*text = start;
		*len = (size_t)(stop - start);
		input->begin += *len + (n > 0);
		if (*len > 0 && start[*len - 1] == '\r')
			--*len;
		if (input->lines == 1 && *len >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
			*text += 3;
			*len -= 3;
		}
		return 1;
	}
}

int vs_input_line(struct vs_input *input, const char **text, size_t *len, struct vs_error *error)
{
	char *line;
	int rc = next_line(input, NULL, &line, len, error);
	if (rc > 0)
		*text = line;
	return rc;
}

int vs_input_row(struct vs_input *input, char **text, size_t *len, struct vs_error *error)
{
	bool quoted = false;
	return next_line(input, &quoted, text, len, error);
}

int vs_input_read(struct vs_input *input, void *data, size_t len, struct vs_error *error)
{
	int n = gzread(input->gz, data, (unsigned)len);
	int code = Z_OK;
	gzerror(input->gz, &code);
	if (n < 0 || (code != Z_OK && code != Z_STREAM_END))
		return read_fault(input, error);
	if (n > 0 && (size_t)n < len)
		return vs_error_set(error, VS_EINVAL, "the file ends too early");
	return n > 0;
}

uint64_t vs_input_offset(const struct vs_input *input)
{
	z_off_t offset = gzoffset(input->gz);
	return offset > 0 ? (uint64_t)offset : 0;
}

bool vs_input_packed(const struct vs_input *input)
{
	return gzdirect(input->gz) == 0;
}

uint64_t vs_input_size(const char *path)
{
	struct stat st;
	return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}
