// A host of USB by libusb: finds a device, and does what its arguments say.
#include <libusb-1.0/libusb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VENDOR 0x1209
#define PRODUCT 0x0001
#define TIMEOUT_MS 5000

static libusb_device_handle *device;
static unsigned char in, out;

static void must(const char *what, int result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, libusb_error_name(result));
	exit(1);
}

static void find_endpoints(void)
{
	struct libusb_config_descriptor *config;

	must("configuration", libusb_get_active_config_descriptor(libusb_get_device(device), &config));
	for (int i = 0; i < config->interface[0].altsetting[0].bNumEndpoints; i++) {
		unsigned char address = config->interface[0].altsetting[0].endpoint[i].bEndpointAddress;

		if (address & LIBUSB_ENDPOINT_IN)
			in = address;
		else
			out = address;
	}
	libusb_free_config_descriptor(config);
}

static void describe(void)
{
	struct libusb_device_descriptor d;
	unsigned char text[64];

	must("descriptor", libusb_get_device_descriptor(libusb_get_device(device), &d));
	must("string", libusb_get_string_descriptor_ascii(device, d.iProduct, text, sizeof(text)));
	printf("%04x:%04x %s speed %d in %02x out %02x\n", d.idVendor, d.idProduct, text,
	       libusb_get_device_speed(libusb_get_device(device)), in, out);
}

static void control(void)
{
	unsigned char sent[300], got[300];
	int n;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (unsigned char)i;
	n = libusb_control_transfer(device, 0x41, 0x5b, 0, 0, sent, sizeof(sent), TIMEOUT_MS);
	printf("store %d\n", n);
	n = libusb_control_transfer(device, 0xc1, 0x5c, 0, 0, got, sizeof(got), TIMEOUT_MS);
	printf("give back %d %s\n", n, memcmp(sent, got, sizeof(got)) ? "wrong" : "right");
	n = libusb_control_transfer(device, 0x41, 0x77, 0, 0, NULL, 0, TIMEOUT_MS);
	printf("unknown %s\n", libusb_error_name(n));
	n = libusb_bulk_transfer(device, in, got, sizeof(got), &n, 50);
	printf("nothing comes %s\n", libusb_error_name(n));
}

/* As many transfers of each direction under way, of so many bytes. */
#define DEPTH 4
#define CHUNK (64 * 1024)

static uint64_t left_out, left_in, state_out = 1, state_in = 1, wrong;

static void fill(uint64_t *state, uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		words[i] = *state;
	}
}

static void LIBUSB_CALL sent(struct libusb_transfer *t)
{
	if (t->status != LIBUSB_TRANSFER_COMPLETED || t->actual_length != t->length)
		exit(2);
	if (left_out == 0)
		return;
	left_out -= CHUNK;
	fill(&state_out, (uint64_t *)t->buffer, CHUNK / 8);
	must("submit", libusb_submit_transfer(t));
}

static uint64_t to_submit;

static void LIBUSB_CALL received(struct libusb_transfer *t)
{
	uint64_t expected[CHUNK / 8];

	if (t->status != LIBUSB_TRANSFER_COMPLETED || t->actual_length != CHUNK)
		exit(3);
	fill(&state_in, expected, CHUNK / 8);
	if (memcmp(expected, t->buffer, CHUNK))
		wrong++;
	left_in -= CHUNK;
	if (to_submit == 0)
		return;
	to_submit -= CHUNK;
	must("submit", libusb_submit_transfer(t));
}

static void stream(uint64_t bytes)
{
	left_out = bytes;
	left_in = to_submit = bytes;
	for (int i = 0; i < DEPTH && to_submit; i++, to_submit -= CHUNK) {
		struct libusb_transfer *t = libusb_alloc_transfer(0);

		libusb_fill_bulk_transfer(t, device, in, malloc(CHUNK), CHUNK, received, NULL, 0);
		must("submit", libusb_submit_transfer(t));
	}
	for (int i = 0; i < DEPTH && left_out; i++) {
		struct libusb_transfer *t = libusb_alloc_transfer(0);

		left_out -= CHUNK;
		libusb_fill_bulk_transfer(t, device, out, malloc(CHUNK), CHUNK, sent, NULL, 0);
		fill(&state_out, (uint64_t *)t->buffer, CHUNK / 8);
		must("submit", libusb_submit_transfer(t));
	}
	while (left_in)
		must("events", libusb_handle_events(NULL));
	printf("streamed %llu bytes, %llu wrong pieces\n", (unsigned long long)bytes, (unsigned long long)wrong);
}

/* Without udevd nobody tells libusb of what comes later: it looks again. */
static void wait_for_device(void)
{
	struct timespec pause = { .tv_nsec = 50000000 };

	for (;;) {
		must("init", libusb_init(NULL));
		device = libusb_open_device_with_vid_pid(NULL, VENDOR, PRODUCT);
		if (device)
			return;
		libusb_exit(NULL);
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	wait_for_device();
	must("detach", libusb_set_auto_detach_kernel_driver(device, 1));
	must("claim", libusb_claim_interface(device, 0));
	find_endpoints();
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "describe"))
			describe();
		else if (!strcmp(argv[i], "control"))
			control();
		else if (!strcmp(argv[i], "reset"))
			printf("reset %d\n", libusb_reset_device(device));
		else
			stream(strtoull(argv[i], NULL, 0) << 20);
		fflush(stdout);
	}
	must("release", libusb_release_interface(device, 0));
	libusb_close(device);
	libusb_exit(NULL);
	return 0;
}
