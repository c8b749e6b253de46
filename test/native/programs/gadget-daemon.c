/*
 * A function of a USB gadget that only tells what happens to it: mounts the function
 * NAME at DIR, describes it, and prints events until it is unbound.
 *
 *	gadget-daemon NAME DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usb/functionfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct {
	struct usb_functionfs_descs_head_v2 head;
	__le32 fs_count, hs_count;
	struct usb_interface_descriptor fs, hs;
} __attribute__((packed)) descriptors = {
	.head = { .magic = FUNCTIONFS_DESCRIPTORS_MAGIC_V2, .length = sizeof descriptors,
		  .flags = FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC },
	.fs_count = 1,
	.hs_count = 1,
	.fs = { .bLength = sizeof descriptors.fs, .bDescriptorType = USB_DT_INTERFACE, .bInterfaceClass = USB_CLASS_VENDOR_SPEC, .iInterface = 1 },
	.hs = { .bLength = sizeof descriptors.hs, .bDescriptorType = USB_DT_INTERFACE, .bInterfaceClass = USB_CLASS_VENDOR_SPEC, .iInterface = 1 },
};

static const struct {
	struct usb_functionfs_strings_head head;
	__le16 language;
	char text[7];
} __attribute__((packed)) strings = {
	.head = { .magic = FUNCTIONFS_STRINGS_MAGIC, .length = sizeof strings, .str_count = 1, .lang_count = 1 },
	.language = 0x0409,
	.text = "teller",
};

int main(int argc, char **argv)
{
	static const char *names[] = { "BIND", "UNBIND", "ENABLE", "DISABLE", "SETUP", "SUSPEND", "RESUME" };
	struct usb_functionfs_event event = { .type = FUNCTIONFS_BIND };
	char path[256];
	int ep0;

	if (argc < 3 || mount(argv[1], argv[2], "functionfs", 0, NULL) != 0) {
		perror("mount");
		return 1;
	}
	snprintf(path, sizeof path, "%s/ep0", argv[2]);
	ep0 = open(path, O_RDWR);
	if (ep0 < 0 || write(ep0, &descriptors, sizeof descriptors) != sizeof descriptors ||
	    write(ep0, &strings, sizeof strings) != sizeof strings) {
		perror(path);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (event.type != FUNCTIONFS_UNBIND && read(ep0, &event, sizeof event) == sizeof event) {
		printf("%s\n", names[event.type % 7]);
		fflush(stdout);
	}
	close(ep0);
	if (umount(argv[2]) != 0)
		perror("umount");
	return 0;
}
