/* SPDX-License-Identifier: Apache-2.0 */
#include "service/users.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/vecstore.h"

#define FILE_BYTES (4 << 20)

struct user {
	char name[VS_USER_NAME_MAX + 1];
	unsigned line;
	struct vs_grant grant;
};

struct vs_users {
	struct user **items; /* in the order of names */
	size_t count;
};

/* Where the reader stands. */
struct reading {
	const char *path;
	unsigned line;
	char *at; /* in the line, which ends with a NUL */
	struct vs_error *error;
};

static int fault(const struct reading *reading, const char *what)
{
	return vs_error_set(reading->error, VS_EINVAL, "%.120s:%u: %s", reading->path, reading->line, what);
}

static char *skip_blanks(char *at)
{
	return at + strspn(at, " \t");
}

/* The next word, ended by a NUL; "": there is none. */
static char *take_word(struct reading *reading)
{
	char *word = reading->at;
	char *end = word + strcspn(word, " \t");
	reading->at = *end ? skip_blanks(end + 1) : end;
	*end = '\0';
	return word;
}

static int take_name(struct reading *reading, char *name)
{
	char *from = reading->at;
	char *end = from + strcspn(from, " \t");
	if (*from == '"') {
		from++;
		end = strchr(from, '"');
		if (!end || (end[1] && end[1] != ' ' && end[1] != '\t'))
			return fault(reading, "the name's quotes do not end");
	}
	if (end == from || end - from > VS_USER_NAME_MAX)
		return fault(reading, "the name is empty, or longer than 256 bytes");
	memcpy(name, from, (size_t)(end - from));
	reading->at = *end ? skip_blanks(end + 1) : end;
	return 0;
}

static int take_grant(struct reading *reading, struct vs_grant *grant)
{
	const char *role = take_word(reading);
	const char *ns = take_word(reading);
	const char *filter = reading->at;
	struct vs_error why = { .position = -1 };
	if (!vs_role_find(role, &grant->role))
		return fault(reading, "a role is missing: reader, writer, namespace_admin, admin or metrics");
	if (strlen(ns) > VS_NAME_MAX || strlen(filter) > VS_KEY_FILTER_MAX)
		return fault(reading, "the namespace or the filter is too long");
	strcpy(grant->ns, ns);
	strcpy(grant->filter, filter);
	int rc = vs_grant_check(grant, &why);
	if (!rc && *filter)
		rc = vs_filter_check(filter, &why);
	return rc ? fault(reading, why.text) : 0;
}

static int add_line(struct vs_users *users, struct reading *reading)
{
	size_t len = strlen(reading->at);
	while (len > 0 && strchr(" \t\r", reading->at[len - 1]))
		reading->at[--len] = '\0';
	reading->at = skip_blanks(reading->at);
	if (*reading->at == '\0' || *reading->at == '#')
		return 0;
	if (users->count == VS_USERS_MAX)
		return fault(reading, "there are more than 10,000 users");
	struct user *user = calloc(1, sizeof(*user));
	struct user **items = realloc(users->items, (users->count + 1) * sizeof(struct user *));
	users->items = items ? items : users->items;
	if (!user || !items) {
		free(user);
		return vs_error_set(reading->error, VS_ENOMEM, "no memory for users");
	}
	items[users->count++] = user;
	user->line = reading->line;
	int rc = take_name(reading, user->name);
	return rc ? rc : take_grant(reading, &user->grant);
}

static int read_lines(struct vs_users *users, struct reading *reading, char *text)
{
	int rc = 0;
	for (char *line = text, *next; line && !rc; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		reading->line++;
		reading->at = line;
		rc = add_line(users, reading);
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct user *const *)a)->name, (*(struct user *const *)b)->name);
}

/* Of two lines for one name, one would mean nothing, even if it is to take rights away. */
static int sort(struct vs_users *users, struct reading *reading)
{
	if (users->count > 0)
		qsort(users->items, users->count, sizeof(struct user *), by_name);
	for (size_t i = 1; i < users->count; i++) {
		const struct user *one = users->items[i - 1], *other = users->items[i];
		reading->line = one->line > other->line ? one->line : other->line;
		if (strcmp(one->name, other->name) == 0)
			return fault(reading, "there is a line for this name already");
	}
	return 0;
}

int vs_users_open(const char *path, struct vs_users **users, struct vs_error *error)
{
	struct vs_users *fresh = calloc(1, sizeof(*fresh));
	char *text = calloc(1, FILE_BYTES + 1);
	struct reading reading = { .path = path, .error = error };
	size_t len = 0;
	int rc = fresh && text ? vs_file_load(path, text, FILE_BYTES, &len, error)
	                       : vs_error_set(error, VS_ENOMEM, "no memory for users");
	if (!rc && strlen(text) != len)
		rc = vs_error_set(error, VS_EINVAL, "%.200s: holds a NUL character", path);
	if (!rc)
		rc = read_lines(fresh, &reading, text);
	if (!rc)
		rc = sort(fresh, &reading);
	if (!rc && fresh->count == 0)
		rc = vs_error_set(error, VS_EINVAL, "%.200s: names no user", path);
	free(text);
	if (rc) {
		vs_users_close(fresh);
		fresh = NULL;
	}
	*users = fresh;
	return rc;
}

void vs_users_close(struct vs_users *users)
{
	if (!users)
		return;
	for (size_t i = 0; i < users->count; i++)
		free(users->items[i]);
	free(users->items);
	free(users);
}

static int against(const void *name, const void *item)
{
	return strcmp(name, (*(struct user *const *)item)->name);
}

static const struct vs_grant *find(const struct vs_users *users, const char *name)
{
	struct user *const *found = bsearch(name, users->items, users->count, sizeof(struct user *), against);
	return found ? &(*found)->grant : NULL;
}

const struct vs_grant *vs_users_find(const struct vs_users *users, const char *name)
{
	const struct vs_grant *grant = find(users, name); /* for one called *, too, it is everybody's */
	return grant ? grant : find(users, "*");
}
