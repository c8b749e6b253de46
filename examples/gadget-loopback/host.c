/* The host of the loopback gadget, by libusb: sends so many MiB, and compares what comes back.
 *
 *     host [MIB]
 */
#include <libusb-1.0/libusb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (1024 * 1024)
#define TIMEOUT_MS 30000

static unsigned char sent[BUFFER], received[BUFFER];

static void must(const char *what, int result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, libusb_error_name(result));
	exit(1);
}

/* FNV-1a of 64-bit words. */
static uint64_t hash(uint64_t h, const unsigned char *bytes)
{
	for (size_t at = 0; at < BUFFER; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, 8);
		h = (h ^ word) * 0x100000001b3u;
	}
	return h;
}

static uint64_t transfer(libusb_device_handle *device, unsigned char endpoint, unsigned char *bytes, uint64_t h)
{
	int n = 0;

	must("transfer", libusb_bulk_transfer(device, endpoint, bytes, BUFFER, &n, TIMEOUT_MS));
	if (n != BUFFER) {
		fprintf(stderr, "endpoint %02x moved %d bytes\n", endpoint, n);
		exit(1);
	}
	return hash(h, bytes);
}

int main(int argc, char **argv)
{
	long mib = argc > 1 ? atol(argv[1]) : 1;
	libusb_device_handle *device = NULL;
	struct libusb_config_descriptor *config;
	const struct libusb_endpoint_descriptor *endpoint;
	uint64_t sent_hash = 0xcbf29ce484222325u, received_hash = sent_hash, next = 1;

	/* Without udev nobody tells libusb of devices that come, so it looks anew each time. */
	for (int tries = 0; tries < 500; tries++) {
		must("init", libusb_init(NULL));
		device = libusb_open_device_with_vid_pid(NULL, 0x1209, 0x0001);
		if (device)
			break;
		libusb_exit(NULL);
		usleep(20000);
	}
	if (!device) {
		fprintf(stderr, "no gadget comes\n");
		return 1;
	}
	must("configuration", libusb_get_active_config_descriptor(libusb_get_device(device), &config));
	endpoint = config->interface[0].altsetting[0].endpoint;
	must("claim", libusb_claim_interface(device, 0));
	for (long i = 0; i < mib; i++) {
		/* Numbers that do not repeat: a piece that is lost or comes twice changes the hash. */
		for (size_t at = 0; at < BUFFER; at += 8, next = next * 6364136223846793005u + 1442695040888963407u)
			memcpy(sent + at, &next, 8);
		sent_hash = transfer(device, endpoint[1].bEndpointAddress, sent, sent_hash);
		received_hash = transfer(device, endpoint[0].bEndpointAddress, received, received_hash);
	}
	printf("%ld MiB there and back, %s\n", mib, sent_hash == received_hash ? "the same" : "not the same");
	libusb_free_config_descriptor(config);
	libusb_release_interface(device, 0);
	libusb_close(device);
	libusb_exit(NULL);
	return sent_hash != received_hash;
}
