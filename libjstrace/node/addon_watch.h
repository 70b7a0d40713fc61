/*
 * Being told in JavaScript of changes of the sessions. One thread an environment that asks for it; none otherwise.
 */
#ifndef ADDON_WATCH_H
#define ADDON_WATCH_H

#include <node_api.h>
#include <stdbool.h>

/* Calls the function from the environment's event loop after each change, without keeping the loop alive, until the environment ends. False: that cannot be had. */
bool addon_watch(napi_env env, napi_value function);

#endif
