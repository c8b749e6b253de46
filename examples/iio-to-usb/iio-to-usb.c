/*
 * Streams samples of /dev/iio:device0 to a USB host, and shows how fast:
 *
 *     iio-to-usb copy|dma-buf [SECONDS [BLOCKS]]
 *
 * "copy" reads them into memory and writes them to an endpoint of FunctionFS;
 * "dma-buf" gives both the same buffers. It ends after so many seconds or
 * blocks of 1 MiB, whatever comes first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/iio/buffer.h>
#include <linux/usb/functionfs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef FUNCTIONFS_DMABUF_ATTACH
/* linux/usb/functionfs.h since 6.9. */
struct usb_ffs_dmabuf_transfer_req {
	int fd;
	__u32 flags;
	__u64 length;
} __attribute__((packed));
#define FUNCTIONFS_DMABUF_ATTACH	_IOW('g', 131, int)
#define FUNCTIONFS_DMABUF_DETACH	_IOW('g', 132, int)
#define FUNCTIONFS_DMABUF_TRANSFER	_IOW('g', 133, struct usb_ffs_dmabuf_transfer_req)
#endif

#define GADGET	"/sys/kernel/config/usb_gadget/iio"
#define MOUNT	"/dev/ffs-iio"
#define DEVICE	"/sys/bus/iio/devices/iio:device0/"
#define SIZE	(1 << 20)
#define SCAN	8
#define BLOCKS	4

static void check(int is_good, const char *what)
{
	if (is_good)
		return;
	perror(what);
	exit(1);
}

static void store(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

/* ---- the gadget: a vendor's interface with one bulk endpoint to the host ---- */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the blocks below are little endian"
#endif

#define INTERFACE	{ sizeof(struct usb_interface_descriptor), USB_DT_INTERFACE, 0, 0, 1, USB_CLASS_VENDOR_SPEC, 0, 0, 1 }
#define BULK_IN(size)	{ USB_DT_ENDPOINT_SIZE, USB_DT_ENDPOINT, USB_DIR_IN | 1, USB_ENDPOINT_XFER_BULK, size, 0 }

static const struct {
	struct usb_functionfs_descs_head_v2 head;
	__le32 counts[3];
	struct {
		struct usb_interface_descriptor interface;
		struct usb_endpoint_descriptor_no_audio in;
	} __attribute__((packed)) full, high, super;
	struct usb_ss_ep_comp_descriptor companion;
} __attribute__((packed)) descriptors = {
	.head = {
		.magic = FUNCTIONFS_DESCRIPTORS_MAGIC_V2,
		.length = sizeof(descriptors),
		.flags = FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC | FUNCTIONFS_HAS_SS_DESC,
	},
	.counts = { 2, 2, 3 },
	.full = { INTERFACE, BULK_IN(64) },
	.high = { INTERFACE, BULK_IN(512) },
	.super = { INTERFACE, BULK_IN(1024) },
	.companion = { USB_DT_SS_EP_COMP_SIZE, USB_DT_SS_ENDPOINT_COMP, 0, 0, 0 },
};

static const struct {
	struct usb_functionfs_strings_head head;
	__le16 language;
	char name[4];
} __attribute__((packed)) strings = {
	.head = {
		.magic = FUNCTIONFS_STRINGS_MAGIC,
		.length = sizeof(strings),
		.str_count = 1,
		.lang_count = 1,
	},
	.language = 0x0409,
	.name = "IIO",
};

static const char *const folders[] = { GADGET, GADGET "/strings/0x409", GADGET "/configs/c.1", GADGET "/functions/ffs.iio" };
#define FOLDERS	(int)(sizeof(folders) / sizeof(*folders))

/* Makes the gadget and waits for the host. Returns ep0 and the endpoint. */
static void make_gadget(int fds[2])
{
	struct usb_functionfs_event event = { .type = FUNCTIONFS_BIND };
	int i;

	for (i = 0; i < FOLDERS; i++)
		check(mkdir(folders[i], 0755) == 0, folders[i]);
	store(GADGET "/idVendor", "0x0456");
	store(GADGET "/idProduct", "0xb672");
	check(symlink(GADGET "/functions/ffs.iio", GADGET "/configs/c.1/ffs.iio") == 0, "symlink");
	check(mkdir(MOUNT, 0755) == 0, MOUNT);
	check(mount("iio", MOUNT, "functionfs", 0, "") == 0, "mount");
	fds[0] = open(MOUNT "/ep0", O_RDWR | O_CLOEXEC);
	check(fds[0] >= 0, "ep0");
	check(write(fds[0], &descriptors, sizeof(descriptors)) == sizeof(descriptors), "descriptors");
	check(write(fds[0], &strings, sizeof(strings)) == sizeof(strings), "strings");
	store(GADGET "/UDC", "sg_udc.0");
	while (event.type != FUNCTIONFS_ENABLE)
		check(read(fds[0], &event, sizeof(event)) == sizeof(event), "event");
	fds[1] = open(MOUNT "/ep1", O_RDWR | O_CLOEXEC);
	check(fds[1] >= 0, "ep1");
}

static void remove_gadget(int fds[2])
{
	int i;

	close(fds[1]);
	store(GADGET "/UDC", "\n");
	close(fds[0]);
	umount(MOUNT);
	rmdir(MOUNT);
	unlink(GADGET "/configs/c.1/ffs.iio");
	for (i = FOLDERS - 1; i >= 0; i--)
		rmdir(folders[i]);
}

/* ---- how long, and how fast ------------------------------------------------- */

static const char *name;
static double seconds, start, shown;
static long blocks_max, sent;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void show(char end)
{
	printf("\r%s: %.0f MiB/s%c", name, sent * (SIZE / 1048576.) / (now() - start), end);
	fflush(stdout);
}

static int is_more(void)
{
	return sent < blocks_max && (sent == 0 || now() - start < seconds);
}

static void count_block(void)
{
	sent++;
	if (now() - shown < .25)
		return;
	shown = now();
	show(' ');
}

/* ---- the two ways ----------------------------------------------------------- */

static void choose_channels(void)
{
	char path[128], length[16];
	int i;

	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), DEVICE "buffer0/in_voltage%d_en", i);
		store(path, "1");
	}
	snprintf(length, sizeof(length), "%d", 2 * SIZE / SCAN);
	store(DEVICE "buffer0/length", length);
}

static void copy(int endpoint)
{
	static char samples[SIZE];
	int node = open("/dev/iio:device0", O_RDWR | O_CLOEXEC);

	check(node >= 0, "/dev/iio:device0");
	store(DEVICE "buffer0/enable", "1");
	for (start = now(); is_more(); count_block()) {
		size_t at = 0;

		while (at < SIZE) {
			ssize_t count = read(node, samples + at, SIZE - at);

			check(count > 0, "read");
			at += count;
		}
		check(write(endpoint, samples, SIZE) == SIZE, "write");
	}
	store(DEVICE "buffer0/enable", "0");
	close(node);
}

static void enqueue(int buffer, int fd)
{
	struct iio_dmabuf request = { .fd = fd, .bytes_used = SIZE };

	check(ioctl(buffer, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, &request) == 0, "enqueue");
}

static void wait_for(int fd)
{
	struct pollfd question = { .fd = fd, .events = POLLOUT };

	check(poll(&question, 1, -1) == 1, "poll");
}

static void share(int endpoint)
{
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC), node = open("/dev/iio:device0", O_RDWR | O_CLOEXEC);
	int blocks[BLOCKS], buffer = 0, before = -1, i;

	check(heap >= 0 && node >= 0, "open");
	check(ioctl(node, IIO_BUFFER_GET_FD_IOCTL, &buffer) == 0, "buffer");
	for (i = 0; i < BLOCKS; i++) {
		struct dma_heap_allocation_data data = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };

		check(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) == 0, "allocate");
		blocks[i] = data.fd;
		check(ioctl(buffer, IIO_BUFFER_DMABUF_ATTACH_IOCTL, &blocks[i]) == 0, "attach");
		check(ioctl(endpoint, FUNCTIONFS_DMABUF_ATTACH, &blocks[i]) == 0, "attach to the endpoint");
		enqueue(buffer, blocks[i]);
	}
	store(DEVICE "buffer0/enable", "1");
	for (start = now(); is_more(); count_block()) {
		struct usb_ffs_dmabuf_transfer_req request = { .fd = blocks[sent % BLOCKS], .length = SIZE };

		wait_for(request.fd);
		check(ioctl(endpoint, FUNCTIONFS_DMABUF_TRANSFER, &request) == 0, "transfer");
		/* It waits until the host has it. */
		if (before >= 0)
			enqueue(buffer, before);
		before = request.fd;
	}
	wait_for(before);
	store(DEVICE "buffer0/enable", "0");
	for (i = 0; i < BLOCKS; i++)
		close(blocks[i]);
	close(buffer);
	close(node);
	close(heap);
}

int main(int argc, char **argv)
{
	int fds[2];

	name = argc > 1 ? argv[1] : "";
	seconds = argc > 2 ? atof(argv[2]) : 3;
	blocks_max = argc > 3 ? atol(argv[3]) : 1L << 40;
	if (strcmp(name, "copy") != 0 && strcmp(name, "dma-buf") != 0) {
		fprintf(stderr, "usage: iio-to-usb copy|dma-buf [SECONDS [BLOCKS]]\n");
		return 2;
	}
	make_gadget(fds);
	choose_channels();
	if (name[0] == 'c')
		copy(fds[1]);
	else
		share(fds[1]);
	show('\n');
	remove_gadget(fds);
	return 0;
}
