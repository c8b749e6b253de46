/* Emulated folders by the C library's functions that list, and mounts in the machine. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#define FOLDER "/sys/class/misc/udmabuf"
#define TARGET "/sys/kernel/config"

static int count(DIR *dir)
{
	int n = 0;

	while (readdir(dir))
		n++;
	return n;
}

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static const char *type_of(const char *path)
{
	struct statfs s;

	if (statfs(path, &s))
		return strerrorname_np(errno);
	return s.f_type == 0x01021994 ? "tmpfs" : s.f_type == 0x62656570 ? "configfs" : "something else";
}

int main(void)
{
	DIR *dir = opendir(FOLDER);
	struct dirent **names;
	char text[8], seen[256];
	glob_t found;
	long place;
	int n, fd;

	if (!dir)
		return 1;
	for (int i = 0; i < 3; i++)
		readdir(dir);
	place = telldir(dir);
	strcpy(seen, readdir(dir)->d_name);
	count(dir);
	seekdir(dir, place);
	printf("told: %s\n", strcmp(seen, readdir(dir)->d_name) ? "another name" : "the same name again");
	rewinddir(dir);
	n = count(dir);
	rewinddir(dir);
	printf("rewound: %s\n", n == 6 && count(dir) == n ? "the same names again" : "other names");
	closedir(dir);

	n = scandir(FOLDER, &names, is_name, alphasort);
	printf("scandir:");
	for (int i = 0; i < n; i++)
		printf(" %s", names[i]->d_name);
	if (glob("/sys/class/misc/udma*/dev", 0, NULL, &found) == 0)
		printf("\nglob: %s\n", found.gl_pathv[0]);
	globfree(&found);

	printf("a file: %s\n", opendir(FOLDER "/dev") ? "opened" : strerrorname_np(errno));
	fd = open(FOLDER, O_RDONLY);
	printf("read of a folder: %s\n", read(fd, text, 8) < 0 ? strerrorname_np(errno) : "bytes");
	close(fd);

	if (mount("none", TARGET, "tmpfs", 0, NULL))
		printf("mount: %s\n", strerrorname_np(errno));
	printf("mounted: %s\n", type_of(TARGET));
	fd = open(TARGET "/file", O_WRONLY | O_CREAT, 0600);
	printf("busy: %s\n", umount(TARGET) ? strerrorname_np(errno) : "unmounted");
	close(fd);
	umount(TARGET);
	printf("unmounted: %s\n", type_of(TARGET));
	return 0;
}
