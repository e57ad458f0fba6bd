/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore token: signs a JSON Web Token, which needs no server and no data. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "programs/cli/args.h"
#include "programs/cli/local.h"
#include "programs/cli/when.h"
#include "service/jwt.h"

static int mint(const struct vs_args *args, char *token, struct vs_error *error)
{
	const struct vs_jwt_options options = { .issuer = vs_args_text(args, VS_FLAG_JWT_ISSUER),
		                                    .audience = vs_args_text(args, VS_FLAG_JWT_AUDIENCE) };
	const char *key = vs_args_text(args, VS_FLAG_SIGN_KEY);
	const char *subject = vs_args_text(args, VS_FLAG_SUBJECT);
	struct vs_jwt_claims claims = { .expires_at = 0 };
	int rc = vs_local_grant(args, &claims.grant, error);
	if (!rc && (!key || !subject))
		rc = vs_error_set(error, VS_EINVAL, "--%s is missing", key ? "subject" : "key");
	if (!rc && strlen(subject) > VS_JWT_SUBJECT_MAX)
		rc = vs_error_set(error, VS_EINVAL, "--subject is longer than %d bytes", VS_JWT_SUBJECT_MAX);
	if (!rc)
		rc = vs_when_parse("expires", vs_args_text(args, VS_FLAG_TOKEN_EXPIRES), &claims.expires_at, error);
	if (rc)
		return rc;
	strcpy(claims.subject, subject);
	return vs_jwt_sign(key, &claims, &options, vs_clock_wall_ms(), token, error);
}

int vs_command_token(struct vs_args *args)
{
	char token[VS_JWT_MAX + 1];
	struct vs_error error;
	if (mint(args, token, &error)) {
		fprintf(stderr, "vecstore: %s\n", error.text);
		return 1;
	}
	printf("%s\n", token);
	return 0;
}
