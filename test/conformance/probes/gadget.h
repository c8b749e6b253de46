/* A gadget with one FunctionFS function, as the scripts on a board make it, and
 * its host by usbfs. */
#ifndef GADGET_H
#define GADGET_H

#include "probe.h"
#include <dirent.h>
#include <linux/usb/ch9.h>
#include <linux/usb/functionfs.h>
#include <linux/usbdevice_fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mount.h>

#define UDC "dummy_udc.0"
#define VENDOR "0x1209"

static char gadget_dir[64], gadget_name[32];

static long put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), e;
	long r = fd < 0 ? -1 : write(fd, text, strlen(text));

	e = errno;
	if (fd >= 0)
		close(fd);
	errno = e;
	return r;
}

static long put_in_gadget(const char *file, const char *text)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s", gadget_dir, file);
	return put(path, text);
}

/* Makes one step of the script, with the gadget's folder put where %s is. */
static void make(int (*step)(const char *path, mode_t mode), const char *format)
{
	char path[160];

	snprintf(path, sizeof path, format, gadget_dir, gadget_name);
	if (step(path, 0755)) {
		perror(path);
		exit(2);
	}
}

static int remove_it(const char *path, mode_t unused)
{
	(void)unused;
	return unlink(path) && rmdir(path);
}

/* The gadget `name`, with the product id that its host looks for; its function is mounted at the folder `mnt`. */
static void make_gadget(const char *name, const char *product, const char *mnt, const char *options)
{
	char from[160], to[160];

	snprintf(gadget_name, sizeof gadget_name, "%s", name);
	snprintf(gadget_dir, sizeof gadget_dir, "/sys/kernel/config/usb_gadget/%s", name);
	make(mkdir, "%s");
	put_in_gadget("idVendor", VENDOR);
	put_in_gadget("idProduct", product);
	make(mkdir, "%s/strings/0x409");
	put_in_gadget("strings/0x409/serialnumber", "0001");
	make(mkdir, "%s/configs/c.1");
	make(mkdir, "%s/functions/ffs.%s");
	snprintf(from, sizeof from, "%s/functions/ffs.%s", gadget_dir, name);
	snprintf(to, sizeof to, "%s/configs/c.1/ffs.%s", gadget_dir, name);
	mkdir(mnt, 0755);
	if (symlink(from, to) || mount(name, mnt, "functionfs", 0, options)) {
		perror(name);
		exit(2);
	}
}

static void bind_gadget(void)
{
	num("bind", put_in_gadget("UDC", UDC "\n"), NULL);
}

static void unbind_gadget(void)
{
	num("unbind", put_in_gadget("UDC", "\n"), NULL);
}

static void end_gadget(const char *mnt)
{
	num("umount", umount(mnt), NULL);
	make(remove_it, "%s/configs/c.1/ffs.%s");
	make(remove_it, "%s/functions/ffs.%s");
	make(remove_it, "%s/configs/c.1");
	make(remove_it, "%s/strings/0x409");
	make(remove_it, "%s");
	rmdir(mnt);
}

/* ---- blocks for ep0 ------------------------------------------------------ */

static unsigned char block[512];
static size_t block_length;

static void add(const void *bytes, size_t n)
{
	memcpy(block + block_length, bytes, n);
	block_length += n;
}

static void add32(uint32_t value)
{
	add(&value, 4);
}

/* A block begins; its length is filled in by end_block. */
static void begin_block(uint32_t magic)
{
	block_length = 0;
	add32(magic);
	add32(0);
}

static long end_block(const char *name, int ep0)
{
	uint32_t length = (uint32_t)block_length;

	memcpy(block + 4, &length, 4);
	return num(name, write(ep0, block, block_length), "size=%zu", block_length);
}

static void add_interface(int endpoints, int class, int subclass, int protocol)
{
	struct usb_interface_descriptor d = {
		.bLength = sizeof d, .bDescriptorType = USB_DT_INTERFACE, .bNumEndpoints = (uint8_t)endpoints,
		.bInterfaceClass = (uint8_t)class, .bInterfaceSubClass = (uint8_t)subclass, .bInterfaceProtocol = (uint8_t)protocol,
		.iInterface = 1,
	};

	add(&d, sizeof d);
}

static void add_endpoint(int address, int type, int packet, int interval)
{
	struct usb_endpoint_descriptor_no_audio d = {
		.bLength = sizeof d, .bDescriptorType = USB_DT_ENDPOINT, .bEndpointAddress = (uint8_t)address,
		.bmAttributes = (uint8_t)type, .wMaxPacketSize = (uint16_t)packet, .bInterval = (uint8_t)interval,
	};

	add(&d, sizeof d);
}

static void add_companion(int burst)
{
	struct usb_ss_ep_comp_descriptor d = { .bLength = sizeof d, .bDescriptorType = USB_DT_SS_ENDPOINT_COMP, .bMaxBurst = (uint8_t)burst };

	add(&d, sizeof d);
}

static long write_strings(const char *name, int ep0, const char *text)
{
	uint16_t language = 0x0409;

	begin_block(FUNCTIONFS_STRINGS_MAGIC);
	add32(1);
	add32(1);
	add(&language, 2);
	add(text, strlen(text) + 1);
	return end_block(name, ep0);
}

static const char *event_name(int t)
{
	static const char *n[] = { "BIND", "UNBIND", "ENABLE", "DISABLE", "SETUP", "SUSPEND", "RESUME" };

	return t >= 0 && t < 7 ? n[t] : "?";
}

/* ---- the host's side ------------------------------------------------------- */

/* What the host has to say while the daemon prints, too: kept until say_all. */
static char said[4096];
static size_t said_length;

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	said_length += (size_t)vsnprintf(said + said_length, sizeof said - said_length, fmt, ap);
	va_end(ap);
}

static void say_num(const char *name, long n)
{
	say("%s: ret=%ld errno=%s\n", name, n, err_name(n < 0 ? errno : 0));
}

static void say_all(void)
{
	fputs(said, stdout);
	fflush(stdout);
	said_length = 0;
	said[0] = 0;
}

static int host = -1;

static int number_in(const char *dir, const char *file, int base)
{
	char path[512], s[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/sys/bus/usb/devices/%s/%s", dir, file);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (!fgets(s, sizeof s, f))
		s[0] = 0;
	fclose(f);
	return (int)strtol(s, NULL, base);
}

/* Waits until the gadget has been enumerated, opens it and claims its interface. */
static void open_host(int product)
{
	unsigned interface = 0;

	for (int tries = 0; tries < 200 && host < 0; tries++) {
		DIR *d = opendir("/sys/bus/usb/devices");
		struct dirent *e;

		while (host < 0 && d && (e = readdir(d))) {
			char path[64];

			if (number_in(e->d_name, "idProduct", 16) != product || number_in(e->d_name, "bConfigurationValue", 10) != 1)
				continue;
			snprintf(path, sizeof path, "/dev/bus/usb/%03d/%03d", number_in(e->d_name, "busnum", 10),
				 number_in(e->d_name, "devnum", 10));
			host = open(path, O_RDWR);
		}
		if (d)
			closedir(d);
		if (host < 0)
			usleep(20000);
	}
	say_num("host.claim", ioctl(host, USBDEVFS_CLAIMINTERFACE, &interface));
}

static long bulk(int ep, void *buf, unsigned len, unsigned ms)
{
	struct usbdevfs_bulktransfer b = { .ep = (unsigned)ep, .len = len, .timeout = ms, .data = buf };

	return ioctl(host, USBDEVFS_BULK, &b);
}

static long control(int type, int request, int value, int index, void *buf, int len, int ms)
{
	struct usbdevfs_ctrltransfer c = {
		.bRequestType = (uint8_t)type, .bRequest = (uint8_t)request, .wValue = (uint16_t)value, .wIndex = (uint16_t)index,
		.wLength = (uint16_t)len, .timeout = (uint32_t)ms, .data = buf,
	};

	return ioctl(host, USBDEVFS_CONTROL, &c);
}

/* Not every program uses every function. */
static void gadget_unused(void) __attribute__((unused));
static void gadget_unused(void)
{
	(void)unbind_gadget; (void)end_gadget; (void)add_companion; (void)event_name; (void)bulk; (void)control; (void)open_host;
	(void)say_num; (void)say_all; (void)bind_gadget; (void)make_gadget; (void)write_strings; (void)add_interface; (void)add_endpoint;
}

#endif
