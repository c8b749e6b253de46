/*
 * /dev/xlnk with firmware that sends back what it gets: one line for each question,
 * with what ioctl returned and what it stored.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <misc/xlink_uapi.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTHING 99

static int fd;
static int rc;
static struct xlink_handle handle = { .dev_type = VPUIP_DEVICE };
static unsigned char data[1024];
static __u32 number, size;

#define RESULT ((__u32 *)&rc)

static void say(const char *question, long outcome)
{
	if (outcome < 0)
		printf("%s: %s %d\n", question, strerrorname_np(errno), rc);
	else
		printf("%s: %ld %d\n", question, outcome, rc);
	rc = NOTHING;
}

static int open_channel(int file, int chan, int mode, int timeout)
{
	struct xlinkopenchannel open = {
		.handle = &handle, .chan = chan, .mode = mode, .data_size = 1024, .timeout = timeout,
		.return_code = RESULT,
	};

	return ioctl(file, XL_OPEN_CHANNEL, &open);
}

static int close_channel(int chan)
{
	struct xlinkopenchannel open = { .handle = &handle, .chan = chan, .return_code = RESULT };

	return ioctl(fd, XL_CLOSE_CHANNEL, &open);
}

static int to_vpu(unsigned long request, int chan, const void *message, unsigned int length)
{
	struct xlinkwritedata write = {
		.handle = &handle, .chan = chan, .pmessage = message, .size = length, .return_code = RESULT,
	};

	return ioctl(fd, request, &write);
}

static int from_vpu(unsigned long request, int chan, void *message)
{
	struct xlinkreaddata read = {
		.handle = &handle, .chan = chan, .pmessage = message, .size = &size, .return_code = RESULT,
	};

	return ioctl(fd, request, &read);
}

static int with_pointer(unsigned long request, void *pointer)
{
	/* The layout of all requests about a device with one pointer. */
	struct xlinkdevmode mode = { .handle = &handle, .device_mode = pointer, .return_code = RESULT };

	return ioctl(fd, request, &mode);
}

static int of_device(unsigned long request)
{
	struct xlinkconnect connect = { .handle = &handle, .return_code = RESULT };

	return ioctl(fd, request, &connect);
}

static void ask_device(void)
{
	struct xlinkgetdevicelist list = { .sw_device_id_list = &number, .num_devices = &size, .return_code = RESULT };
	struct xlinkgetdevicename name = { .handle = &handle, .name = (char *)data, .name_size = 12, .return_code = RESULT };
	struct xlinkbootdevice boot = { .handle = &handle, .binary_name = "vpu.bin", .binary_name_size = 8, .return_code = RESULT };

	say("list", ioctl(fd, XL_GET_DEVICE_LIST, &list));
	printf("  %u devices, the first is %u\n", size, number);
	say("name", ioctl(fd, XL_GET_DEVICE_NAME, &name));
	printf("  %s\n", data);
	say("status", with_pointer(XL_GET_DEVICE_STATUS, &number));
	printf("  %u\n", number);
	number = 4;
	say("set mode", with_pointer(XL_SET_DEVICE_MODE, &number));
	number = 0;
	say("mode", with_pointer(XL_GET_DEVICE_MODE, &number));
	printf("  %u\n", number);
	say("reset", of_device(XL_RESET_DEVICE));
	say("reset again", of_device(XL_RESET_DEVICE));
	say("boot", ioctl(fd, XL_BOOT_DEVICE, &boot));
	boot.binary_name_size = 65;
	say("boot of too long a name", ioctl(fd, XL_BOOT_DEVICE, &boot));
	say("unknown request", ioctl(fd, _IOW('x', 25, void *), data));
	say("stop", ioctl(fd, XL_STOP_VPU));
	boot.binary_name_size = 8;
	say("boot after a stop", ioctl(fd, XL_BOOT_DEVICE, &boot));
}

static void ask_channels(void)
{
	say("open before connect", open_channel(fd, 20, RXB_TXB, 0));
	say("connect", of_device(XL_CONNECT));
	say("open 20", open_channel(fd, 20, RXB_TXB, 0));
	say("open 20 again", open_channel(fd, 20, RXB_TXB, 0));
	say("open 10", open_channel(fd, 10, RXB_TXB, 0));
	say("open 1024", open_channel(fd, 1024, RXB_TXB, 0));
	say("open 30, not waiting", open_channel(fd, 30, RXN_TXN, 20));
	say("read of nothing", from_vpu(XL_READ_DATA, 30, &number));
	say("read to a buffer of nothing", from_vpu(XL_READ_TO_BUFFER, 30, data));
	say("close of a closed one", close_channel(31));
	handle.sw_device_id = 2;
	say("connect to another device", of_device(XL_CONNECT));
	handle.sw_device_id = 0;
	say("bad address", ioctl(fd, XL_CONNECT, (void *)8));
}

static void ask_messages(void)
{
	number = 0x90000040;
	say("write", to_vpu(XL_WRITE_DATA, 20, &number, 256));
	number = 0;
	say("read", from_vpu(XL_READ_DATA, 20, &number));
	printf("  %u of %u\n", number, size);
	strcpy((char *)data, "hello");
	say("write volatile", to_vpu(XL_WRITE_VOLATILE, 20, data, 6));
	memset(data, 0, sizeof data);
	say("read to a buffer", from_vpu(XL_READ_TO_BUFFER, 20, data));
	printf("  %s of %u\n", data, size);
	say("write control data", to_vpu(XL_WRITE_CONTROL_DATA, 20, data, 100));
	say("read it", from_vpu(XL_READ_TO_BUFFER, 20, data));
	say("write too much", to_vpu(XL_WRITE_DATA, 20, data, (1u << 30) + 1));
	say("write too much that is volatile", to_vpu(XL_WRITE_VOLATILE, 20, data, 129));
	say("write too much control data", to_vpu(XL_WRITE_CONTROL_DATA, 20, data, 101));
	say("write far too much", to_vpu(XL_WRITE_CONTROL_DATA, 20, data, 485));
	say("write from nowhere", to_vpu(XL_WRITE_DATA, 20, (void *)8, 4));
	say("write volatile from nowhere", to_vpu(XL_WRITE_VOLATILE, 20, (void *)8, 4));
	say("write to a closed one", to_vpu(XL_WRITE_VOLATILE, 21, data, 4));
}

/* A process that is killed with a channel lets others have it. */
static void killed(void)
{
	int ready[2];
	char byte;
	pid_t child;

	pipe(ready);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		int own = open("/dev/xlnk", O_RDWR);

		open_channel(own, 40, RXB_TXB, 0);
		write(ready[1], "", 1);
		fd = own;
		from_vpu(XL_READ_DATA, 40, &number);
		_exit(0);
	}
	read(ready[0], &byte, 1);
	say("open what another has", open_channel(fd, 40, RXB_TXB, 0));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	say("open what one had who was killed", open_channel(fd, 40, RXB_TXB, 0));
}

int main(int argc, char **argv)
{
	rc = NOTHING;
	fd = open("/dev/xlnk", O_RDWR);
	ask_channels();
	ask_messages();
	ask_device();
	say("close", close_channel(20));
	if (argc > 1 && strcmp(argv[1], "processes") == 0)
		killed();
	return 0;
}
