/* SPDX-License-Identifier: Apache-2.0 */
#include "service/admit.h"

#include <inttypes.h>

#include "base/clock.h"
#include "service/tenants.h"

#define SECOND UINT64_C(1000000000)

static int check_status(const struct vs_call *call, const struct vs_namespace *ns, const char *name,
                        struct vs_error *error)
{
	bool admin = vs_auth_check(&call->principal, VS_RIGHT_ADMIN, NULL) == 0;
	bool writes = call->operation->right == VS_RIGHT_WRITE;
	switch (vs_namespace_status(ns)) {
	case VS_READ_ONLY:
		return writes ? vs_error_set(error, VS_EFROZEN, "namespace %s is read-only", name) : 0;
	case VS_SUSPENDED:
		return admin ? 0 : vs_error_set(error, VS_ESUSPENDED, "namespace %s is suspended", name);
	case VS_PENDING_DELETION:
	case VS_DELETING:
		if (!admin) /* as vs_namespace_open says of one that never was */
			return vs_error_set(error, VS_ENOTFOUND, "there is no namespace \"%.63s\"", name);
		return writes ? vs_error_set(error, VS_EFROZEN, "namespace %s is to be deleted", name) : 0;
	default:
		return 0;
	}
}

/* Who has a quota of its own is counted by itself, and not among the others of the namespace. */
static bool has_own(const struct vs_call *call, enum vs_quota_kind kind)
{
	return call->principal.quota && call->principal.quota->most[kind] != VS_QUOTA_DEFAULT;
}

static int take_place(struct vs_call *call, const struct vs_namespace *ns, struct vs_error *error)
{
	uint64_t most = vs_namespace_most(ns, VS_QUOTA_CONCURRENT);
	bool own = has_own(call, VS_QUOTA_CONCURRENT);
	if (vs_tenants_enter(call->tenants, call->tenant, own ? call->principal.key : vs_namespace_number(ns), most))
		return 0;
	call->retry_after = 1;
	return vs_error_set(error, VS_ERATE, "%" PRIu64 " requests %s are at work, as many as there may be at once (%s)", most,
	                    own ? "with this key" : "to this namespace", vs_quota_name(VS_QUOTA_CONCURRENT));
}

static int take_request(struct vs_call *call, const struct vs_namespace *ns, struct vs_error *error)
{
	uint64_t rate = vs_namespace_most(ns, VS_QUOTA_RATE);
	uint64_t now_ns = vs_clock_mono_ns();
	uint64_t wait_ns;
	bool own = has_own(call, VS_QUOTA_RATE);
	if (rate == 0 || (own ? vs_tenants_take_of_key(call->tenants, call->principal.key, rate, now_ns, &wait_ns)
	                      : vs_tenant_take(call->tenant, rate, now_ns, &wait_ns)))
		return 0;
	call->retry_after = (int)((wait_ns + SECOND - 1) / SECOND);
	return vs_error_set(error, VS_ERATE, "more than %" PRIu64 " requests a second %s (%s): try again in %.3f s", rate,
	                    own ? "with this key" : "to this namespace", vs_quota_name(VS_QUOTA_RATE),
	                    (double)wait_ns / (double)SECOND);
}

static int admit(struct vs_call *call, const struct vs_namespace *ns, struct vs_error *error)
{
	int rc = take_place(call, ns, error);
	if (!rc)
		rc = take_request(call, ns, error);
	if (rc) {
		vs_tenants_leave(call->tenants);
		vs_metrics_add(call->metrics, VS_COUNT_RATE_LIMITED, 1);
		return rc;
	}
	vs_tenant_count(call->tenant, VS_USAGE_REQUESTS, 1);
	vs_tenant_count(call->tenant, VS_USAGE_BYTES_IN, call->request->body_len);
	return 0;
}

int vs_admit_enter(struct vs_call *call, struct vs_namespace *ns, const char *name, struct vs_error *error)
{
	uint64_t number = vs_namespace_number(ns);
	enum vs_right right = call->operation->right;
	vs_namespace_set_key_quota(ns, call->principal.quota);
	int rc = check_status(call, ns, name, error);
	if (rc || (right & (VS_RIGHT_READ | VS_RIGHT_WRITE)) == 0)
		return rc;
	if (call->admitted == number) {
		if (call->refusal.code)
			*error = call->refusal;
		return call->refusal.code;
	}
	/* Another one than before: a name in the cache of answers may be an old one's. */
	if (call->admitted != 0)
		vs_admit_leave(call, 0);
	call->admitted = number;
	call->refusal.code = VS_OK;
	call->tenant = vs_tenants_find(call->tenants, number, name);
	if (!call->tenant)
		return 0;
	rc = admit(call, ns, error);
	if (rc) {
		call->tenant = NULL;
		call->refusal = *error;
	}
	return rc;
}

void vs_admit_leave(struct vs_call *call, size_t bytes_out)
{
	if (!call->tenant)
		return;
	vs_tenant_count(call->tenant, VS_USAGE_BYTES_OUT, bytes_out);
	vs_tenants_leave(call->tenants);
	call->tenant = NULL;
	call->admitted = 0;
}

int vs_admit_number(const struct vs_namespace *ns, enum vs_quota_kind kind, const char *field, uint64_t number,
                    struct vs_error *error)
{
	uint64_t most = ns ? vs_namespace_most(ns, kind) : 0;
	if (most == 0 || number <= most)
		return 0;
	return vs_error_at(error, VS_EQUOTA, field, -1, "%" PRIu64 "; the %s may have %" PRIu64 " (%s)", number,
	                   vs_namespace_most_of(ns, kind), most, vs_quota_name(kind));
}
