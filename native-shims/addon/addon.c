/* The addon of the native door's server: what JavaScript cannot do itself. See ../README.md. */
#include "addon.h"

static napi_value init(napi_env env, napi_value exports)
{
	init_ring(env, exports);
	init_files(env, exports);
	init_sockets(env, exports);
	init_doctor(env, exports);
	return init_events(env, exports);
}

NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
