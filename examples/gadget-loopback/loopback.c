/* The daemon of a FunctionFS function that gives back what it is sent.
 *
 *     loopback INSTANCE FOLDER
 *
 * mounts functions/ffs.INSTANCE at FOLDER, describes the function, says so on
 * descriptor 3, and gives back each transfer until the gadget is unbound. */
#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usb/functionfs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#define BUFFER (1024 * 1024)

struct speed {
	struct usb_interface_descriptor interface;
	struct usb_endpoint_descriptor_no_audio in, out;
} __attribute__((packed));

struct super_speed {
	struct usb_interface_descriptor interface;
	struct usb_endpoint_descriptor_no_audio in;
	struct usb_ss_ep_comp_descriptor in_companion;
	struct usb_endpoint_descriptor_no_audio out;
	struct usb_ss_ep_comp_descriptor out_companion;
} __attribute__((packed));

#define INTERFACE { .bLength = 9, .bDescriptorType = USB_DT_INTERFACE, .bNumEndpoints = 2, .bInterfaceClass = 0xff, .iInterface = 1 }
#define ENDPOINT(address, packet) { .bLength = 7, .bDescriptorType = USB_DT_ENDPOINT, .bEndpointAddress = (address), \
				    .bmAttributes = USB_ENDPOINT_XFER_BULK, .wMaxPacketSize = (packet) }
#define COMPANION { .bLength = 6, .bDescriptorType = USB_DT_SS_ENDPOINT_COMP }
#define IN (1 | USB_DIR_IN)
#define OUT (2 | USB_DIR_OUT)

static const struct {
	struct usb_functionfs_descs_head_v2 head;
	__le32 full_count, high_count, super_count;
	struct speed full, high;
	struct super_speed super;
} __attribute__((packed)) descriptors = {
	.head = { .magic = FUNCTIONFS_DESCRIPTORS_MAGIC_V2, .length = sizeof descriptors,
		  .flags = FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC | FUNCTIONFS_HAS_SS_DESC },
	.full_count = 3, .high_count = 3, .super_count = 5,
	.full = { INTERFACE, ENDPOINT(IN, 64), ENDPOINT(OUT, 64) },
	.high = { INTERFACE, ENDPOINT(IN, 512), ENDPOINT(OUT, 512) },
	.super = { INTERFACE, ENDPOINT(IN, 1024), COMPANION, ENDPOINT(OUT, 1024), COMPANION },
};

static const struct {
	struct usb_functionfs_strings_head head;
	__le16 language;
	char text[9];
} __attribute__((packed)) strings = {
	.head = { .magic = FUNCTIONFS_STRINGS_MAGIC, .length = sizeof strings, .str_count = 1, .lang_count = 1 },
	.language = 0x0409, .text = "loopback",
};

static const char *folder;

static int open_in(const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_RDWR | flags);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/*
 * Until the endpoints are disabled. What comes with a short packet goes back in one
 * piece. O_NONBLOCK keeps them from waiting to be enabled; they do wait for the host.
 */
static void *give_back(void *total)
{
	static char buffer[BUFFER];
	int in = open_in("ep1", O_NONBLOCK), out = open_in("ep2", O_NONBLOCK);

	for (;;) {
		ssize_t n = read(out, buffer, sizeof buffer);

		if (n < 0 || write(in, buffer, (size_t)n) != n)
			break;
		*(uint64_t *)total += (uint64_t)n;
	}
	if (errno != ESHUTDOWN && errno != EAGAIN)
		perror("loopback");
	close(in);
	close(out);
	return NULL;
}

int main(int argc, char **argv)
{
	struct usb_functionfs_event event;
	uint64_t total = 0;
	pthread_t thread;
	int ep0;

	if (argc != 3)
		return 2;
	folder = argv[2];
	if (mount(argv[1], folder, "functionfs", 0, NULL)) {
		perror("mount");
		return 1;
	}
	ep0 = open_in("ep0", 0);
	if (write(ep0, &descriptors, sizeof descriptors) < 0 || write(ep0, &strings, sizeof strings) < 0) {
		perror("ep0");
		return 1;
	}
	if (write(3, "ready\n", 6) != 6)
		return 1;
	do {
		if (read(ep0, &event, sizeof event) != sizeof event) {
			perror("ep0");
			return 1;
		}
		if (event.type == FUNCTIONFS_ENABLE)
			pthread_create(&thread, NULL, give_back, &total);
	} while (event.type != FUNCTIONFS_UNBIND);
	pthread_join(thread, NULL);
	printf("gave back %llu bytes\n", (unsigned long long)total);
	close(ep0);
	return umount(folder);
}
