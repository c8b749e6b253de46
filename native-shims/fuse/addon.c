/* The addon of the mount: see operations.c and loop.c. It must be loaded before fuse-native, with RTLD_GLOBAL. */
#include "requests.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mount.h>

static napi_threadsafe_function caller;
/* While JavaScript can be called. Node may end while threads of the loop go on. */
static bool is_listening;
static pthread_mutex_t listening = PTHREAD_MUTEX_INITIALIZER;

void notify(void)
{
	pthread_mutex_lock(&listening);
	if (is_listening)
		napi_call_threadsafe_function(caller, NULL, napi_tsfn_nonblocking);
	pthread_mutex_unlock(&listening);
}

static void listen_to_loop(bool listens)
{
	pthread_mutex_lock(&listening);
	is_listening = listens;
	pthread_mutex_unlock(&listening);
}

static napi_value number(napi_env env, double value)
{
	napi_value out;

	napi_create_double(env, value, &out);
	return out;
}

/* start(call): called when a request was interrupted, or the loop has ended. */
static napi_value start(napi_env env, napi_callback_info info)
{
	napi_value argv[1], name;
	size_t argc = 1;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_create_string_utf8(env, "ioctopus mount", NAPI_AUTO_LENGTH, &name);
	napi_create_threadsafe_function(env, argv[0], NULL, name, 0, 1, NULL, NULL, NULL, NULL, &caller);
	napi_unref_threadsafe_function(env, caller);
	loop_ended = false;
	listen_to_loop(true);
	return NULL;
}

/* words(): the table of requests. It is not JavaScript's own, which goes before the loop's threads do. */
static napi_value words(napi_env env, napi_callback_info info)
{
	static napi_ref kept;
	napi_value out;

	(void)info;
	if (kept) {
		napi_get_reference_value(env, kept, &out);
		return out;
	}
	napi_create_external_arraybuffer(env, requests, sizeof requests, NULL, NULL, &out);
	napi_create_reference(env, out, 1, &kept);
	return out;
}

/* stop(): from now on operations are ENODEV by themselves. Returns how many still wait for JavaScript. */
static napi_value stop(napi_env env, napi_callback_info info)
{
	(void)info;
	__atomic_store_n(&operations_stopped, true, __ATOMIC_SEQ_CST);
	listen_to_loop(false);
	return number(env, __atomic_load_n(&operations_inside, __ATOMIC_SEQ_CST));
}

/* hasEnded(): nobody can reach the file system any more, and no thread of it is left. */
static napi_value has_ended(napi_env env, napi_callback_info info)
{
	napi_value out;

	(void)info;
	napi_get_boolean(env, __atomic_load_n(&loop_ended, __ATOMIC_SEQ_CST), &out);
	return out;
}

/* libfuse(): undefined when libfuse can be loaded, else what the dynamic linker says. */
static napi_value library(napi_env env, napi_callback_info info)
{
	napi_value out;

	(void)info;
	if (libfuse("fuse_new", "FUSE_2.6"))
		return NULL;
	napi_create_string_utf8(env, dlerror(), NAPI_AUTO_LENGTH, &out);
	return out;
}

/* unmount(path): lazily. 0, or a negated errno. */
static napi_value unmount(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	size_t argc = 1;
	char path[4096];

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_string_utf8(env, argv[0], path, sizeof path, NULL);
	return number(env, umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0);
}

static napi_value init(napi_env env, napi_value exports)
{
	static const struct {
		const char *name;
		napi_callback run;
	} methods[] = {
		{ "start", start }, { "words", words }, { "stop", stop }, { "hasEnded", has_ended }, { "libfuse", library }, { "unmount", unmount },
	};

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		napi_value fn;

		napi_create_function(env, methods[i].name, NAPI_AUTO_LENGTH, methods[i].run, NULL, &fn);
		napi_set_named_property(env, exports, methods[i].name, fn);
	}
	return exports;
}

NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
