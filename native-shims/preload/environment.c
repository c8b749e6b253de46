/* See environment.h. */
#include "environment.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char preload[] = "LD_PRELOAD=";
#define PRELOAD_LENGTH (sizeof preload - 1)

/* "IOCTOPUS_DOOR=...", "LD_PRELOAD=..." with ourselves in it, and our own path in that. */
static char *own_door, *own_preload;
static char library[PATH_MAX];

static const char *find(char *const *environment, const char *name)
{
	for (; environment && *environment; environment++)
		if (!strncmp(*environment, name, strlen(name)))
			return *environment;
	return NULL;
}

__attribute__((constructor)) static void keep_environment(void)
{
	const char *at = find(environ, IO_ENVIRONMENT "="), *loads = find(environ, preload);
	Dl_info us;

	if (!at || !loads || !dladdr(keep_environment, &us) || strlen(us.dli_fname) >= sizeof library)
		return;
	own_door = strdup(at);
	own_preload = strdup(loads);
	strcpy(library, us.dli_fname);
}

size_t environment_count(char *const *given)
{
	size_t n = 0;

	while (given && given[n])
		n++;
	return n;
}

size_t environment_text(char *const *given)
{
	const char *theirs = find(given, preload);

	return sizeof preload + strlen(library) + 1 + (theirs ? strlen(theirs) : 0);
}

/* Whether a list of libraries has us in it. */
static bool loads_us(const char *list)
{
	size_t n = strlen(library);

	for (const char *at = list; (at = strstr(at, library)); at++)
		if ((at == list || at[-1] == ':' || at[-1] == ' ') && (at[n] == 0 || at[n] == ':' || at[n] == ' '))
			return true;
	return false;
}

char *const *complete_environment(char *const *given, char **entries, char *text)
{
	const char *theirs = find(given, preload);
	size_t n = 0;

	if (!own_door || (find(given, IO_ENVIRONMENT "=") && theirs && loads_us(theirs + PRELOAD_LENGTH)))
		return given;
	for (; given && given[n]; n++)
		entries[n] = given[n];
	if (!find(given, IO_ENVIRONMENT "="))
		entries[n++] = own_door;
	if (!theirs) {
		entries[n++] = own_preload;
	} else if (!loads_us(theirs + PRELOAD_LENGTH)) {
		/* A program that preloads something else: we come first. */
		stpcpy(stpcpy(stpcpy(stpcpy(text, preload), library), theirs[PRELOAD_LENGTH] ? ":" : ""), theirs + PRELOAD_LENGTH);
		for (size_t i = 0; i < n; i++)
			if (entries[i] == theirs)
				entries[i] = text;
	}
	entries[n] = NULL;
	return entries;
}
