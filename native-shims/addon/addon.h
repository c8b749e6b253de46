/* What the parts of the addon share: how to read arguments and to fail. */
#ifndef ADDON_H
#define ADDON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define MAX_ARGS 6

/* Reads the arguments of a call as numbers; what is no number is 0. */
static inline void numbers(napi_env env, napi_callback_info info, double *out, size_t count)
{
	napi_value argv[MAX_ARGS];
	size_t argc = count;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		if (i >= argc || napi_get_value_double(env, argv[i], &out[i]) != napi_ok)
			out[i] = 0;
}

static inline napi_value number(napi_env env, double value)
{
	napi_value out;

	napi_create_double(env, value, &out);
	return out;
}

/* The result of a system call: its value, or the negated errno. */
static inline napi_value outcome(napi_env env, long result)
{
	return number(env, (double)(result < 0 ? -errno : result));
}

napi_value init_ring(napi_env env, napi_value exports);
napi_value init_sockets(napi_env env, napi_value exports);
napi_value init_files(napi_env env, napi_value exports);
napi_value init_events(napi_env env, napi_value exports);
napi_value init_doctor(napi_env env, napi_value exports);

/*
 * Calls `call` from Node's event loop while a descriptor is readable, and `first`
 * right before it. NULL, and an exception, when it cannot be polled.
 */
struct watcher;
struct watcher *watch_descriptor(napi_env env, int fd, napi_value call, void (*first)(int), int argument);
void stop_watching(struct watcher *w);

struct method {
	const char *name;
	napi_callback run;
};

static inline napi_value export_methods(napi_env env, napi_value exports, const struct method *methods, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		napi_value fn;

		napi_create_function(env, methods[i].name, NAPI_AUTO_LENGTH, methods[i].run, NULL, &fn);
		napi_set_named_property(env, exports, methods[i].name, fn);
	}
	return exports;
}

#define EXPORT(env, exports, methods) export_methods(env, exports, methods, sizeof(methods) / sizeof *(methods))

#endif
