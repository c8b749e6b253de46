/* The host's side of a gadget: what usbfs and sysfs answer. */
#include "gadget.h"

#define MNT "/tmp/usbfs"
#define PRODUCT_TEXT "0x0042"
#define PRODUCT 0x42
#define IN 0x81
#define OUT 0x02

static int ep0, in, out;

static long request(unsigned long code, void *argument)
{
	return ioctl(host, code, argument);
}

static void ask(const char *name, unsigned long code, unsigned value)
{
	num(name, request(code, &value), NULL);
}

static void describe(void)
{
	ep0 = open(MNT "/ep0", O_RDWR);
	begin_block(FUNCTIONFS_DESCRIPTORS_MAGIC_V2);
	add32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC);
	add32(3);
	add32(3);
	for (int packet = 64; packet <= 512; packet += 448) {
		add_interface(2, USB_CLASS_VENDOR_SPEC, 0, 0);
		add_endpoint(1 | USB_DIR_IN, USB_ENDPOINT_XFER_BULK, packet, 0);
		add_endpoint(2, USB_ENDPOINT_XFER_BULK, packet, 0);
	}
	end_block("descriptors", ep0);
	write_strings("strings", ep0, "usbfs");
	in = open(MNT "/ep1", O_RDWR);
	out = open(MNT "/ep2", O_RDWR);
}

/* ---- sysfs ------------------------------------------------------------------ */

static char sysfs[300];

static void show(const char *file)
{
	char path[400], s[512];
	int fd;
	ssize_t n;

	snprintf(path, sizeof path, "%s/%s", sysfs, file);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, s, sizeof s - 1);
	s[n > 0 ? n : 0] = 0;
	for (char *c = s; *c; c++)
		if (*c == '\n')
			*c = '$';
	num(file, n, "\"%s\"", s);
	if (fd >= 0)
		close(fd);
}

static void show_bytes(const char *file)
{
	char path[400];
	unsigned char s[512];
	int fd;
	ssize_t n;

	snprintf(path, sizeof path, "%s/%s", sysfs, file);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, s, sizeof s);
	printf("%s: %zd", file, n);
	for (ssize_t i = 0; i < n; i++)
		printf(" %02x", s[i]);
	printf("\n");
	if (fd >= 0)
		close(fd);
}

static void sysfs_texts(void)
{
	static const char *files[] = {
		"authorized", "avoid_reset_quirk", "bConfigurationValue", "bDeviceClass", "bDeviceProtocol", "bDeviceSubClass",
		"bMaxPacketSize0", "bMaxPower", "bNumConfigurations", "bNumInterfaces", "bcdDevice", "bmAttributes", "busnum",
		"configuration", "devnum", "devpath", "idProduct", "idVendor", "ltm_capable", "manufacturer", "maxchild", "product",
		"quirks", "removable", "rx_lanes", "serial", "speed", "tx_lanes", "uevent", "version", "1-1:1.0/authorized",
		"1-1:1.0/bAlternateSetting", "1-1:1.0/bInterfaceClass", "1-1:1.0/bInterfaceNumber", "1-1:1.0/bInterfaceProtocol",
		"1-1:1.0/bInterfaceSubClass", "1-1:1.0/bNumEndpoints", "1-1:1.0/interface", "1-1:1.0/modalias",
		"1-1:1.0/supports_autosuspend", "1-1:1.0/uevent", "ep_00/bEndpointAddress", "ep_00/bInterval", "ep_00/bLength",
		"ep_00/bmAttributes", "ep_00/direction", "ep_00/interval", "ep_00/type", "ep_00/wMaxPacketSize",
		"1-1:1.0/ep_81/bEndpointAddress", "1-1:1.0/ep_81/direction", "1-1:1.0/ep_81/interval", "1-1:1.0/ep_81/type",
		"1-1:1.0/ep_81/wMaxPacketSize", "../1-0:1.0/usb1-port1/state", "../maxchild", "../version", "../bmAttributes",
		"../1-0:1.0/modalias", "../1-0:1.0/ep_81/interval", "../speed", "../product", "../serial",
	};

	snprintf(sysfs, sizeof sysfs, "/sys/bus/usb/devices/1-1");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		show(files[i]);
	show_bytes("descriptors");
	show_bytes("bos_descriptors");
	show_bytes("../descriptors");
}

/* ---- the file ------------------------------------------------------------------ */

static void file(void)
{
	long r;
	unsigned char s[256];
	int other = open("/dev/bus/usb/001/002", O_RDONLY);

	r = read(host, s, sizeof s);
	num("read", r, "%02x %02x", s[0], s[17]);
	num("read.again", read(host, s, sizeof s), NULL);
	num("seek", lseek(host, 18, SEEK_SET), NULL);
	r = read(host, s, 4);
	num("seek.read", r, "%02x %02x", s[0], s[1]);
	num("seek.current", lseek(host, -4, SEEK_CUR), NULL);
	num("seek.end", lseek(host, 0, SEEK_END), NULL);
	num("seek.negative", lseek(host, -1, SEEK_SET), NULL);
	num("write", write(host, s, 1), NULL);
	polled("poll", host, POLLIN | POLLOUT | POLLWRNORM, 0);
	num("readonly.capabilities", ioctl(other, USBDEVFS_GET_CAPABILITIES, s), NULL);
	num("readonly.reap", ioctl(other, USBDEVFS_REAPURBNDELAY, s), NULL);
	num("readonly.unknown", ioctl(other, _IO('U', 99)), NULL);
	close(other);
}

/* ---- requests ------------------------------------------------------------------ */

static void simple(void)
{
	long r;
	struct usbdevfs_getdriver g = { .interface = 0 };
	struct usbdevfs_connectinfo ci = { 0 };
	struct usbdevfs_setinterface si = { 0 };
	struct usbdevfs_disconnect_claim dc = { .interface = 0 };
	struct usbdevfs_ioctl io = { .ifno = 0, .ioctl_code = USBDEVFS_DISCONNECT };
	unsigned char ex[32] = { 0 };
	unsigned caps = 0, mask = 1;

	r = request(USBDEVFS_GET_CAPABILITIES, &caps);
	num("capabilities", r, "%#x", caps);
	num("capabilities.fault", request(USBDEVFS_GET_CAPABILITIES, NULL), NULL);
	num("unknown", request(_IO('U', 99), NULL), NULL);
	num("speed", request(USBDEVFS_GET_SPEED, NULL), NULL);
	r = request(USBDEVFS_CONNECTINFO, &ci);
	num("connectinfo", r, "%u %u", ci.devnum, ci.slow);
	r = request(USBDEVFS_CONNINFO_EX(24), ex);
	num("conninfo_ex", r, "%u %u %u %u %u %u %u", ex[0], ex[4], ex[8], ex[12], ex[16], ex[17],
	    ex[18]);
	memset(ex, 0xff, sizeof ex);
	r = request(USBDEVFS_CONNINFO_EX(6), ex);
	num("conninfo_ex.short", r, "%u %u %u", ex[0], ex[4], ex[6]);
	r = request(USBDEVFS_GETDRIVER, &g);
	num("driver", r, "%s", g.driver);
	g.interface = 5;
	num("driver.none", request(USBDEVFS_GETDRIVER, &g), NULL);
	num("driver.fault", request(USBDEVFS_GETDRIVER, NULL), NULL);
	ask("claim.again", USBDEVFS_CLAIMINTERFACE, 0);
	ask("claim.64", USBDEVFS_CLAIMINTERFACE, 64);
	ask("claim.none", USBDEVFS_CLAIMINTERFACE, 3);
	num("claim.fault", request(USBDEVFS_CLAIMINTERFACE, NULL), NULL);
	ask("release.none", USBDEVFS_RELEASEINTERFACE, 3);
	ask("release.64", USBDEVFS_RELEASEINTERFACE, 64);
	ask("release", USBDEVFS_RELEASEINTERFACE, 0);
	ask("release.again", USBDEVFS_RELEASEINTERFACE, 0);
	g.interface = 0;
	num("driver.released", request(USBDEVFS_GETDRIVER, &g), NULL);
	num("ioctl.disconnect_none", request(USBDEVFS_IOCTL, &io), NULL);
	io.ioctl_code = USBDEVFS_CONNECT;
	num("ioctl.connect", request(USBDEVFS_IOCTL, &io), NULL);
	io.ioctl_code = _IO('U', 99);
	num("ioctl.unknown", request(USBDEVFS_IOCTL, &io), NULL);
	io.ifno = 4;
	num("ioctl.no_interface", request(USBDEVFS_IOCTL, &io), NULL);
	num("disconnect_claim", request(USBDEVFS_DISCONNECT_CLAIM, &dc), NULL);
	dc.flags = USBDEVFS_DISCONNECT_CLAIM_EXCEPT_DRIVER;
	strcpy(dc.driver, "usbfs");
	num("disconnect_claim.except", request(USBDEVFS_DISCONNECT_CLAIM, &dc), NULL);
	dc.flags = USBDEVFS_DISCONNECT_CLAIM_IF_DRIVER;
	num("disconnect_claim.if", request(USBDEVFS_DISCONNECT_CLAIM, &dc), NULL);
	dc.interface = 4;
	num("disconnect_claim.none", request(USBDEVFS_DISCONNECT_CLAIM, &dc), NULL);
	io = (struct usbdevfs_ioctl){ .ifno = 0, .ioctl_code = USBDEVFS_CONNECT };
	num("ioctl.connect_claimed", request(USBDEVFS_IOCTL, &io), NULL);
	num("setinterface", request(USBDEVFS_SETINTERFACE, &si), NULL);
	si.altsetting = 7;
	num("setinterface.none", request(USBDEVFS_SETINTERFACE, &si), NULL);
	si.interface = 4;
	num("setinterface.no_interface", request(USBDEVFS_SETINTERFACE, &si), NULL);
	ask("setconfiguration.claimed", USBDEVFS_SETCONFIGURATION, 1);
	ask("resetep", USBDEVFS_RESETEP, IN);
	ask("resetep.none", USBDEVFS_RESETEP, 0x85);
	ask("resetep.stray", USBDEVFS_RESETEP, 0x181);
	ask("clear_halt", USBDEVFS_CLEAR_HALT, IN);
	ask("clear_halt.none", USBDEVFS_CLEAR_HALT, 7);
	ask("claim_port", USBDEVFS_CLAIM_PORT, 1);
	ask("release_port", USBDEVFS_RELEASE_PORT, 1);
	num("allow_suspend", request(USBDEVFS_ALLOW_SUSPEND, NULL), NULL);
	num("forbid_suspend", request(USBDEVFS_FORBID_SUSPEND, NULL), NULL);
	ask("drop_privileges.other_file_keeps", _IO('U', 98), mask);
	g.interface = 0;
	{
		unsigned streams[3] = { 2, 1, IN };

		num("streams", request(USBDEVFS_ALLOC_STREAMS, streams), NULL);
		streams[1] = 0;
		num("streams.no_endpoint", request(USBDEVFS_ALLOC_STREAMS, streams), NULL);
		streams[0] = 1;
		streams[1] = 1;
		num("streams.one", request(USBDEVFS_ALLOC_STREAMS, streams), NULL);
	}
}

static void privileges(void)
{
	int keep = host;
	unsigned mask = 0, interface = 0;
	struct usbdevfs_ioctl io = { .ifno = 0, .ioctl_code = USBDEVFS_DISCONNECT };

	ask("privileges.release", USBDEVFS_RELEASEINTERFACE, 0);
	host = open("/dev/bus/usb/001/002", O_RDWR);
	num("privileges.drop", request(USBDEVFS_DROP_PRIVILEGES, &mask), NULL);
	num("privileges.claim", request(USBDEVFS_CLAIMINTERFACE, &interface), NULL);
	num("privileges.ioctl", request(USBDEVFS_IOCTL, &io), NULL);
	ask("privileges.claim_port", USBDEVFS_CLAIM_PORT, 1);
	close(host);
	host = keep;
	ask("privileges.claim_again", USBDEVFS_CLAIMINTERFACE, 0);
	host = open("/dev/bus/usb/001/002", O_RDWR);
	ask("busy.claim", USBDEVFS_CLAIMINTERFACE, 0);
	ask("busy.release", USBDEVFS_RELEASEINTERFACE, 0);
	close(host);
	host = keep;
}

static void transfers(void)
{
	long r;
	unsigned char s[600] = { 0 };

	r = control(USB_DIR_IN, USB_REQ_GET_STATUS, 0, 0, s, 2, 500);
	num("control.status", r, "%u", s[0]);
	r = control(USB_DIR_IN, USB_REQ_GET_DESCRIPTOR, 0x100, 0, s, 600, 500);
	num("control.descriptor", r, "%u", s[0]);
	num("control.no_descriptor", control(USB_DIR_IN, USB_REQ_GET_DESCRIPTOR, 0x600 + 0x900, 0, s, 64, 500), NULL);
	num("control.page", control(USB_DIR_IN, USB_REQ_GET_DESCRIPTOR, 0x100, 0, s, 4097, 500), NULL);
	num("control.fault", control(USB_DIR_IN, USB_REQ_GET_STATUS, 0, 0, NULL, 2, 500), NULL);
	num("control.no_interface", control(0x21, 1, 0, 5, s, 0, 500), NULL);
	num("control.no_endpoint", control(0x82, 0, 0, 0x85, s, 2, 500), NULL);
	r = control(0x82, 0, 0, IN, s, 2, 500);
	num("control.endpoint", r, "%u", s[0]);
	num("control.wrong_direction", control(0x82, 0, 0, 0x01, s, 2, 500), NULL);
	num("control.in_0", control(USB_DIR_IN, USB_REQ_GET_STATUS, 0, 0, s, 0, 500), NULL);
	num("control.halt", control(2, USB_REQ_SET_FEATURE, 0, IN, NULL, 0, 500), NULL);
	r = control(0x82, 0, 0, IN, s, 2, 500);
	num("control.halted", r, "%u", s[0]);
	num("bulk.halted", bulk(IN, s, 64, 100), NULL);
	ask("clear_halt.halted", USBDEVFS_CLEAR_HALT, IN);
	num("bulk.timeout", bulk(IN, s, 64, 50), NULL);
	num("bulk.out_timeout", bulk(OUT, s, 64, 50), NULL);
	num("bulk.no_endpoint", bulk(0x85, s, 64, 50), NULL);
	num("bulk.stray", bulk(0x181, s, 64, 50), NULL);
	num("bulk.long", bulk(IN, s, 0x7fffffff, 50), NULL);
	num("bulk.too_much", bulk(OUT, s, 17 << 20, 50), NULL);
	num("bulk.fault", bulk(OUT, NULL, 64, 50), NULL);
	num("gadget.write", write(in, "hello", 5), NULL);
	r = bulk(IN, s, 64, 500);
	num("bulk.in", r, "%.5s", s);
	num("gadget.write", write(in, "hello", 5), NULL);
	num("bulk.in_fault", bulk(IN, NULL, 64, 500), NULL);
	num("gadget.write", write(in, "hello", 5), NULL);
	num("bulk.in_small", bulk(IN, s, 3, 500), NULL);
}

/* ---- urbs ------------------------------------------------------------------------ */

static struct usbdevfs_urb urbs[8];
static unsigned char buffers[8][2048];

static long submit(int which, int type, int ep, int length, unsigned flags)
{
	urbs[which] = (struct usbdevfs_urb){ .type = (uint8_t)type, .endpoint = (uint8_t)ep, .buffer = buffers[which],
					     .buffer_length = length, .flags = flags, .status = 1, .actual_length = 1, .error_count = 1 };
	return request(USBDEVFS_SUBMITURB, &urbs[which]);
}

static void reap(const char *name, unsigned long code)
{
	struct usbdevfs_urb *urb = NULL;
	long r = request(code, &urb);

	if (r)
		num(name, r, NULL);
	else
		num(name, r, "urb=%d status=%s actual=%d errors=%d", (int)(urb - urbs), err_name(-urb->status), urb->actual_length,
		    urb->error_count);
}

static void poll_host(const char *name)
{
	polled(name, host, POLLIN | POLLOUT | POLLWRNORM, 1000);
}

static void bad_urbs(void)
{
	unsigned char *setup = buffers[0];

	num("urb.fault", request(USBDEVFS_SUBMITURB, NULL), NULL);
	num("urb.type", submit(0, 7, IN, 64, 0), NULL);
	num("urb.flags", submit(0, USBDEVFS_URB_TYPE_BULK, IN, 64, 0x100), NULL);
	num("urb.iso_asap", submit(0, USBDEVFS_URB_TYPE_BULK, IN, 64, USBDEVFS_URB_ISO_ASAP), NULL);
	num("urb.negative", submit(0, USBDEVFS_URB_TYPE_BULK, IN, -1, 0), NULL);
	num("urb.no_endpoint", submit(0, USBDEVFS_URB_TYPE_BULK, 0x85, 64, 0), NULL);
	num("urb.interrupt", submit(0, USBDEVFS_URB_TYPE_INTERRUPT, IN, 64, 0), NULL);
	num("urb.control_on_bulk", submit(0, USBDEVFS_URB_TYPE_CONTROL, IN, 64, 0), NULL);
	num("urb.bulk_on_ep0", submit(0, USBDEVFS_URB_TYPE_BULK, 0, 64, 0), NULL);
	num("urb.iso_packets", submit(0, USBDEVFS_URB_TYPE_ISO, IN, 64, 0), NULL);
	num("urb.control_short", submit(0, USBDEVFS_URB_TYPE_CONTROL, 0, 7, 0), NULL);
	memcpy(setup, (unsigned char[]){ 0x80, 0, 0, 0, 0, 0, 2, 0 }, 8);
	num("urb.control_length", submit(0, USBDEVFS_URB_TYPE_CONTROL, 0, 9, 0), NULL);
	memcpy(setup, (unsigned char[]){ 0x81, 0, 0, 0, 5, 0, 2, 0 }, 8);
	num("urb.control_interface", submit(0, USBDEVFS_URB_TYPE_CONTROL, 0, 10, 0), NULL);
	urbs[0].buffer = NULL;
	num("urb.no_buffer", request(USBDEVFS_SUBMITURB, &urbs[0]), NULL);
	num("urb.too_much", submit(0, USBDEVFS_URB_TYPE_BULK, OUT, 17 << 20, 0), NULL);
	submit(1, USBDEVFS_URB_TYPE_BULK, OUT, 64, 0);
	num("urb.discard_first", request(USBDEVFS_DISCARDURB, &urbs[1]), NULL);
	reap("urb.discarded_first", USBDEVFS_REAPURB);
	urbs[0].type = USBDEVFS_URB_TYPE_BULK;
	urbs[0].endpoint = OUT;
	urbs[0].buffer = (void *)1;
	urbs[0].buffer_length = 64;
	num("urb.bad_buffer", request(USBDEVFS_SUBMITURB, &urbs[0]), NULL);
	num("urb.discard_none", request(USBDEVFS_DISCARDURB, &urbs[5]), NULL);
	reap("urb.reap_none", USBDEVFS_REAPURBNDELAY);
}

static void *write_later(void *unused)
{
	(void)unused;
	usleep(100000);
	if (write(in, "later", 5) != 5)
		exit(4);
	return NULL;
}

static void good_urbs(void)
{
	pthread_t t;
	char s[64];

	memcpy(buffers[0], (unsigned char[]){ 0x80, 0, 0, 0, 0, 0, 2, 0 }, 8);
	num("control_urb", submit(0, USBDEVFS_URB_TYPE_CONTROL, 0, 10, 0), NULL);
	poll_host("control_urb.poll");
	reap("control_urb.reap", USBDEVFS_REAPURBNDELAY);
	num("control_urb.data", 0, "%u %u", buffers[0][8], buffers[0][9]);
	memcpy(buffers[0], (unsigned char[]){ 0x80, 6, 0, 15, 0, 0, 2, 0 }, 8);
	submit(0, USBDEVFS_URB_TYPE_CONTROL, 0x80, 10, 0);
	reap("stall", USBDEVFS_REAPURB);
	num("in", submit(1, USBDEVFS_URB_TYPE_BULK, IN, 512, 0), NULL);
	reap("in.not_yet", USBDEVFS_REAPURBNDELAY);
	pthread_create(&t, NULL, write_later, NULL);
	reap("in.waited", USBDEVFS_REAPURB);
	pthread_join(t, NULL);
	num("in.data", 0, "%.5s", buffers[1]);
	pthread_create(&t, NULL, write_later, NULL);
	submit(1, USBDEVFS_URB_TYPE_BULK, IN, 512, USBDEVFS_URB_SHORT_NOT_OK);
	submit(2, USBDEVFS_URB_TYPE_BULK, IN, 512, USBDEVFS_URB_BULK_CONTINUATION);
	submit(3, USBDEVFS_URB_TYPE_BULK, IN, 512, USBDEVFS_URB_BULK_CONTINUATION);
	reap("continued.0", USBDEVFS_REAPURB);
	reap("continued.1", USBDEVFS_REAPURB);
	reap("continued.2", USBDEVFS_REAPURB);
	pthread_join(t, NULL);
	num("continued.refused", submit(4, USBDEVFS_URB_TYPE_BULK, IN, 512, USBDEVFS_URB_BULK_CONTINUATION), NULL);
	num("continued.new", submit(4, USBDEVFS_URB_TYPE_BULK, IN, 512, 0), NULL);
	num("discard", request(USBDEVFS_DISCARDURB, &urbs[4]), NULL);
	num("discard.again", request(USBDEVFS_DISCARDURB, &urbs[4]), NULL);
	poll_host("discard.poll");
	reap("discard.reap", USBDEVFS_REAPURB);
	submit(0, USBDEVFS_URB_TYPE_BULK, OUT, 5, 0);
	num("out.read", read(out, s, sizeof s), NULL);
	reap("out.reap", USBDEVFS_REAPURB);
	submit(0, USBDEVFS_URB_TYPE_BULK, OUT, 512, USBDEVFS_URB_ZERO_PACKET);
	num("zero.read", read(out, buffers[7], 1024), NULL);
	reap("zero.reap", USBDEVFS_REAPURB);
	submit(0, USBDEVFS_URB_TYPE_BULK, IN, 512, 0);
	submit(1, USBDEVFS_URB_TYPE_BULK, IN, 512, 0);
	ask("release.pending", USBDEVFS_RELEASEINTERFACE, 0);
	reap("release.reap_0", USBDEVFS_REAPURBNDELAY);
	reap("release.reap_1", USBDEVFS_REAPURBNDELAY);
	ask("release.claim", USBDEVFS_CLAIMINTERFACE, 0);
}

static void mapped(void)
{
	long r;
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, host, 0);
	struct usbdevfs_urb urb = { .type = USBDEVFS_URB_TYPE_BULK, .endpoint = IN, .buffer = p, .buffer_length = 512 }, *reaped = NULL;

	num("mmap", p == MAP_FAILED ? -1 : 0, NULL);
	if (p == MAP_FAILED)
		return;
	num("mmap.zero", p[0] | p[8191], NULL);
	num("mmap.submit", request(USBDEVFS_SUBMITURB, &urb), NULL);
	num("mmap.write", write(in, "mapped", 6), NULL);
	r = request(USBDEVFS_REAPURB, &reaped);
	num("mmap.reap", r, "%d %.6s", urb.actual_length, p);
	urb.buffer = p + 8000;
	num("mmap.beyond", request(USBDEVFS_SUBMITURB, &urb), NULL);
	munmap(p, 8192);
}

/* ---- configuration, reset, and the end ---------------------------------------------- */

static void configurations(void)
{
	struct usbdevfs_getdriver g = { .interface = 0 };

	num("reset", request(USBDEVFS_RESET, NULL), NULL);
	num("reset.driver", request(USBDEVFS_GETDRIVER, &g), NULL);
	ask("reset.claim", USBDEVFS_CLAIMINTERFACE, 0);
	ask("configuration.release", USBDEVFS_RELEASEINTERFACE, 0);
	ask("configuration.same", USBDEVFS_SETCONFIGURATION, 1);
	ask("configuration.none", USBDEVFS_SETCONFIGURATION, 9);
	ask("configuration.0", USBDEVFS_SETCONFIGURATION, 0);
	ask("unconfigured.claim", USBDEVFS_CLAIMINTERFACE, 0);
	num("unconfigured.bulk", bulk(IN, buffers[0], 64, 50), NULL);
	num("unconfigured.interface", control(0x21, 1, 0, 0, NULL, 0, 50), NULL);
	show("bConfigurationValue");
	ask("configuration.1", USBDEVFS_SETCONFIGURATION, 1);
	show("bConfigurationValue");
	ask("configured.claim", USBDEVFS_CLAIMINTERFACE, 0);
}

static void end(void)
{
	int idle = open("/dev/bus/usb/001/002", O_RDWR), keep = host;

	submit(0, USBDEVFS_URB_TYPE_BULK, IN, 512, 0);
	unbind_gadget();
	poll_host("gone.poll");
	usleep(300000);
	poll_host("gone.poll_later");
	reap("gone.reap", USBDEVFS_REAPURB);
	reap("gone.reap_again", USBDEVFS_REAPURB);
	reap("gone.reap_nodelay", USBDEVFS_REAPURBNDELAY);
	num("gone.capabilities", request(USBDEVFS_GET_CAPABILITIES, buffers[0]), NULL);
	num("gone.unknown", request(_IO('U', 99), NULL), NULL);
	num("gone.read", read(host, buffers[0], 18), NULL);
	num("gone.submit", submit(0, USBDEVFS_URB_TYPE_BULK, IN, 512, 0), NULL);
	host = idle;
	poll_host("gone.idle_poll");
	reap("gone.idle_reap", USBDEVFS_REAPURB);
	host = keep;
	close(idle);
	close(host);
	num("gone.node", access("/dev/bus/usb/001/002", F_OK), NULL);
	num("gone.sysfs", access("/sys/bus/usb/devices/1-1", F_OK), NULL);
	snprintf(sysfs, sizeof sysfs, "/sys/bus/usb/devices/usb1");
	show("1-0:1.0/usb1-port1/state");
}

int main(void)
{
	make_gadget("usbfs", PRODUCT_TEXT, MNT, "");
	put_in_gadget("strings/0x409/product", "thing");
	put_in_gadget("strings/0x409/manufacturer", "maker");
	describe();
	bind_gadget();
	open_host(PRODUCT);
	usleep(200000);
	say_all();
	sysfs_texts();
	file();
	simple();
	privileges();
	transfers();
	bad_urbs();
	good_urbs();
	mapped();
	configurations();
	end();
	close(in);
	close(out);
	close(ep0);
	end_gadget(MNT);
	return 0;
}
