/*
 * How long an ioctl takes that umockdev replays: USBDEVFS_CONNECTINFO, as it is
 * recorded in usb.ioctl for the device in usb.umockdev. Argument: the processor
 * to run on; umockdev-run, which answers, is pinned by whoever starts it.
 */
#include "round.h"
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>

#define RECORDED_DEVNUM 11

static int fd;

static void ask(void)
{
	struct usbdevfs_connectinfo info = { 0 };

	if (ioctl(fd, USBDEVFS_CONNECTINFO, &info) || info.devnum != RECORDED_DEVNUM)
		err(1, "USBDEVFS_CONNECTINFO");
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "ask", .run = ask } };

	if (argc != 2)
		errx(2, "usage: usb CPU");
	pin_to(argv[1]);
	fd = open("/dev/bus/usb/001/001", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "/dev/bus/usb/001/001");
	return measure_rounds(works, COUNT(works));
}
