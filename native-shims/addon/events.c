/* Descriptors that wake Node's event loop, and the set of those that are asked all at once. */
#include "addon.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * The few functions of libuv that this needs. Node's binary exports them; its
 * headers are not part of the Node-API package.
 */
struct uv_loop_s;
struct uv_handle_s;
#define UV_POLL 8
#define UV_READABLE 1
extern size_t uv_handle_size(int type);
extern int uv_poll_init(struct uv_loop_s *loop, struct uv_handle_s *handle, int fd);
extern int uv_poll_start(struct uv_handle_s *handle, int events, void (*call)(struct uv_handle_s *, int status, int events));
extern void uv_close(struct uv_handle_s *handle, void (*done)(struct uv_handle_s *));
extern void *uv_handle_get_data(const struct uv_handle_s *handle);
extern void uv_handle_set_data(struct uv_handle_s *handle, void *data);

struct watcher {
	napi_env env;
	napi_ref call;
	napi_async_context context;
	struct uv_handle_s *handle;
	void (*first)(int);
	int argument;
};

static void on_readable(struct uv_handle_s *handle, int status, int events)
{
	struct watcher *w = uv_handle_get_data(handle);
	napi_handle_scope scope;
	napi_value call, self;

	(void)status;
	(void)events;
	if (w->first)
		w->first(w->argument);
	napi_open_handle_scope(w->env, &scope);
	napi_get_reference_value(w->env, w->call, &call);
	napi_get_global(w->env, &self);
	/* An exception is reported by Node as uncaught once the scope is left. */
	napi_make_callback(w->env, w->context, self, call, 0, NULL, NULL);
	napi_close_handle_scope(w->env, scope);
}

static void on_closed(struct uv_handle_s *handle)
{
	struct watcher *w = uv_handle_get_data(handle);

	free(handle);
	free(w);
}

struct watcher *watch_descriptor(napi_env env, int fd, napi_value call, void (*first)(int), int argument)
{
	struct watcher *w = calloc(1, sizeof *w);
	struct uv_loop_s *loop;
	napi_value name;

	*w = (struct watcher){ .env = env, .handle = calloc(1, uv_handle_size(UV_POLL)), .first = first, .argument = argument };
	napi_get_uv_event_loop(env, &loop);
	if (uv_poll_init(loop, w->handle, fd) != 0) {
		free(w->handle);
		free(w);
		napi_throw_error(env, NULL, "the descriptor cannot be polled");
		return NULL;
	}
	napi_create_reference(env, call, 1, &w->call);
	napi_create_string_utf8(env, "ioctopus", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &w->context);
	uv_handle_set_data(w->handle, w);
	uv_poll_start(w->handle, UV_READABLE, on_readable);
	return w;
}

void stop_watching(struct watcher *w)
{
	napi_delete_reference(w->env, w->call);
	napi_async_destroy(w->env, w->context);
	uv_close(w->handle, on_closed);
}

/* onReadable(fd, call): calls while the descriptor is readable. Returns what stop() takes. */
static napi_value on_readable_start(napi_env env, napi_callback_info info)
{
	napi_value argv[2], out;
	size_t argc = 2;
	int32_t fd;
	struct watcher *w;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_int32(env, argv[0], &fd);
	w = watch_descriptor(env, fd, argv[1], NULL, 0);
	if (!w)
		return NULL;
	napi_create_external(env, w, NULL, NULL, &out);
	return out;
}

static napi_value stop(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	size_t argc = 1;
	struct watcher *w;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_external(env, argv[0], (void **)&w);
	stop_watching(w);
	return NULL;
}

/* epollAdd(epoll, fd, events, key) */
static napi_value epoll_add(napi_env env, napi_callback_info info)
{
	double a[4];
	struct epoll_event e;

	numbers(env, info, a, 4);
	e.events = (uint32_t)a[2];
	e.data.u64 = (uint64_t)a[3];
	return outcome(env, epoll_ctl((int)a[0], EPOLL_CTL_ADD, (int)a[1], &e));
}

/* epollDelete(epoll, fd) */
static napi_value epoll_delete(napi_env env, napi_callback_info info)
{
	double a[2];

	numbers(env, info, a, 2);
	return outcome(env, epoll_ctl((int)a[0], EPOLL_CTL_DEL, (int)a[1], NULL));
}

/* pipe(): [read end, write end], neither of which ever waits */
static napi_value make_pipe(napi_env env, napi_callback_info info)
{
	int fds[2];
	napi_value out;

	(void)info;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return outcome(env, -1);
	napi_create_array(env, &out);
	for (uint32_t i = 0; i < 2; i++)
		napi_set_element(env, out, i, number(env, fds[i]));
	return out;
}

/* fillPipe(write end): what has its read end sees it readable */
static napi_value fill_pipe(napi_env env, napi_callback_info info)
{
	double a[1];

	numbers(env, info, a, 1);
	return outcome(env, write((int)a[0], "", 1));
}

/*
 * emptyPipe(write end): the bytes are taken out by a read end of our own, made for
 * that moment, because the write end tells when nobody else has one.
 */
static napi_value empty_pipe(napi_env env, napi_callback_info info)
{
	double a[1];
	char path[32], bytes[4096];
	ssize_t n;
	int fd;

	numbers(env, info, a, 1);
	snprintf(path, sizeof path, "/proc/self/fd/%d", (int)a[0]);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return outcome(env, -1);
	n = read(fd, bytes, sizeof bytes);
	close(fd);
	return number(env, (double)n);
}

napi_value init_events(napi_env env, napi_value exports)
{
	static const struct method methods[] = {
		{ "onReadable", on_readable_start }, { "stop", stop },
		{ "epollAdd", epoll_add }, { "epollDelete", epoll_delete }, { "pipe", make_pipe },
		{ "fillPipe", fill_pipe }, { "emptyPipe", empty_pipe },
	};

	return EXPORT(env, exports, methods);
}
