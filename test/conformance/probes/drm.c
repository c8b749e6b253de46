/* The requests of a DRM card and of its render node that have nothing to do with
 * fences: which there are, who may make them, how long their arguments are;
 * versions and names; who is master; handles, names and offsets of objects;
 * mapping the card. The card is vgem's. */
#include "probe.h"
#include "drm.h"
#include <linux/dma-heap.h>

#define CARD   "/dev/dri/card0"
#define RENDER "/dev/dri/renderD128"

static int open_card(void)
{
	return open(CARD, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

/* ---- every number ------------------------------------------------------------ */

static const char *answer(int fd, unsigned int request, void *argument)
{
	int r = ioctl(fd, request, argument);

	return r == -1 ? err_name(errno) : r ? "more" : "0";
}

/* What each number says to no argument, to an argument of zeros, and to a
 * pointer that leads nowhere when it is to be read, or written. */
static void every(const char *who, const char *path)
{
	static char zeros[1024];
	char label[64];

	for (unsigned int nr = 0; nr < 256; nr++) {
		const char *said[4];

		for (unsigned int i = 0; i < 4; i++) {
			static const unsigned int directions[] = { _IOC_NONE, _IOC_READ | _IOC_WRITE, _IOC_WRITE, _IOC_READ };
			int fd = open(path, O_RDWR | O_NONBLOCK);

			memset(zeros, 0, sizeof zeros);
			said[i] = answer(fd, _IOC(directions[i], 'd', nr, i ? 512 : 0), i < 2 ? zeros : NULL);
			close(fd);
		}
		snprintf(label, sizeof label, "%s.%02x", who, nr);
		value(label, "none=%s zeros=%s unreadable=%s unwritable=%s", said[0], said[1], said[2], said[3]);
	}
}

/* A request of another size or direction, or another type, is the same or none. */
static void sizes(int card)
{
	struct { struct drm_get_cap c; uint64_t more; } cap;
	char *end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int failed;

#define CAP(label, direction, size)                                                                                     \
	do {                                                                                                            \
		int r;                                                                                                  \
														\
		memset(&cap, 0x11, sizeof cap);                                                                         \
		cap.c.capability = DRM_CAP_PRIME;                                                                       \
		r = ioctl(card, _IOC(direction, 'd', 0x0c, size), &cap);                                                \
		num(label, r, "capability=%llx value=%llx more=%llx", (unsigned long long)cap.c.capability,            \
		    (unsigned long long)cap.c.value, (unsigned long long)cap.more);                                     \
	} while (0)
	CAP("size.right", 3, 16);
	CAP("size.longer", 3, 24);
	CAP("size.shorter", 3, 8);
	CAP("size.odd", 3, 12);
	CAP("size.part_of_input", 3, 1);
	CAP("size.none", 3, 0);
	CAP("size.only_in", 1, 16);
	CAP("size.only_out", 2, 16);
	CAP("size.no_direction", 0, 16);
	memset(&cap, 0x11, sizeof cap);
	failed = ioctl(card, DRM_IOCTL_GET_CAP, &cap.c);
	num("failed.cap", failed, "value=%llx", (unsigned long long)cap.c.value);
	num("type.other", ioctl(card, _IOC(3, 'D', 0x0c, 16), &cap), NULL);
	num("type.sync_file", ioctl(card, _IOC(3, '>', 3, 48), &cap), NULL);
	num("type.fionread", ioctl(card, 0x541b, &cap), NULL);
	munmap(end + 4096, 4096);
	memset(end, 0, 4096);
	end[4096 - 12] = DRM_CAP_PRIME;
	num("edge.shorter", ioctl(card, _IOC(3, 'd', 0x0c, 12), end + 4096 - 12), NULL);
	num("edge.right", ioctl(card, DRM_IOCTL_GET_CAP, end + 4096 - 12), NULL);
	mprotect(end, 4096, PROT_READ);
	num("edge.unwritable", ioctl(card, DRM_IOCTL_GET_CAP, end), NULL);
	munmap(end, 4096);
}

/* ---- versions and names ------------------------------------------------------ */

static void versions(int card, size_t room)
{
	char name[32], date[32], desc[32], label[32];
	struct drm_version v = { .name = name, .name_len = room, .date = date, .date_len = room, .desc = desc, .desc_len = room };
	int r;

	memset(name, '.', sizeof name), name[31] = 0;
	memset(date, '.', sizeof date), date[31] = 0;
	memset(desc, '.', sizeof desc), desc[31] = 0;
	snprintf(label, sizeof label, "version.room%zu", room);
	r = ioctl(card, DRM_IOCTL_VERSION, &v);
	num(label, r, "%d.%d.%d lengths %zu %zu %zu", v.version_major, v.version_minor, v.version_patchlevel, v.name_len, v.date_len, v.desc_len);
	value(label, "%s %s %s", name, date, desc);
}

static void unique(const char *label, int card, size_t room)
{
	char name[16] = "...............";
	struct drm_unique u = { .unique_len = room, .unique = name };
	int r = ioctl(card, DRM_IOCTL_GET_UNIQUE, &u);

	num(label, r, "length=%zu \"%s\"", u.unique_len, name);
}

static void set_version(const char *label, int card, int di_major, int di_minor, int dd_major, int dd_minor)
{
	struct drm_set_version v = { di_major, di_minor, dd_major, dd_minor };
	int r = ioctl(card, DRM_IOCTL_SET_VERSION, &v);

	num(label, r, "%d.%d %d.%d", v.drm_di_major, v.drm_di_minor, v.drm_dd_major, v.drm_dd_minor);
}

static void names(void)
{
	static const uint64_t caps[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 99, 1ull << 32 };
	int card = open_card(), render = open(RENDER, O_RDWR | O_CLOEXEC);
	struct drm_version v = { .name_len = 4, .name = (char *)8 };
	struct drm_unique u = { .unique_len = 16, .unique = (char *)8 };
	struct drm_set_client_cap s = { 0 };
	struct drm_stats stats;
	struct drm_client c;
	char label[32];
	int r;

	versions(card, 0);
	versions(card, 2);
	versions(card, 31);
	versions(render, 31);
	r = ioctl(card, DRM_IOCTL_VERSION, &v);
	num("version.bad_name", r, "%d.%d name_len=%zu desc_len=%zu", v.version_major, v.version_minor, v.name_len, v.desc_len);
	unique("unique.before", card, 15);
	set_version("set_version.keep", card, -1, 0, -1, 0);
	unique("unique.kept", card, 15);
	set_version("set_version.1_0", card, 1, 0, -1, 7);
	unique("unique.1_0", card, 15);
	set_version("set_version.1_5", card, 1, 5, -1, 0);
	set_version("set_version.2_0", card, 2, 0, -1, 0);
	set_version("set_version.negative", card, 1, -1, -1, 0);
	set_version("set_version.1_1_driver_2", card, 1, 1, 2, 0);
	unique("unique.driver_refused", card, 15);
	set_version("set_version.1_4", card, 1, 4, 1, 0);
	set_version("set_version.driver_1_1", card, 1, 4, 1, 1);
	unique("unique.short", card, 3);
	unique("unique.exact", card, 4);
	r = ioctl(card, DRM_IOCTL_GET_UNIQUE, &u);
	num("unique.bad_pointer", r, "length=%zu", u.unique_len);
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
		struct drm_get_cap g = { caps[i], 0x55 };

		r = ioctl(card, DRM_IOCTL_GET_CAP, &g);
		snprintf(label, sizeof label, "cap.%llx", (unsigned long long)caps[i]);
		num(label, r, "value=%llu", (unsigned long long)g.value);
		snprintf(label, sizeof label, "cap_render.%llx", (unsigned long long)caps[i]);
		g.value = 0x55;
		r = ioctl(render, DRM_IOCTL_GET_CAP, &g);
		num(label, r, "value=%llu", (unsigned long long)g.value);
		s.capability = caps[i];
		snprintf(label, sizeof label, "client_cap.%llx", (unsigned long long)caps[i]);
		num(label, ioctl(card, DRM_IOCTL_SET_CLIENT_CAP, &s), NULL);
	}
	memset(&stats, 0x11, sizeof stats);
	r = ioctl(card, DRM_IOCTL_GET_STATS, &stats);
	num("stats", r, "count=%lu", stats.count);
	for (int idx = -1; idx < 3; idx++) {
		memset(&c, 0x11, sizeof c);
		c.idx = idx;
		r = ioctl(card, DRM_IOCTL_GET_CLIENT, &c);
		snprintf(label, sizeof label, "client.%d", idx);
		num(label, r, "auth=%d pid=%s uid=%lu magic=%lu iocs=%lu", c.auth, c.pid == (unsigned long)getpid() ? "own" : "other", c.uid, c.magic,
		    c.iocs);
	}
	close(card);
	close(render);
	card = open_card();
	unique("unique.next_master", card, 15);
	close(card);
}

/* ---- the master -------------------------------------------------------------- */

static unsigned int magic(const char *label, int card)
{
	struct drm_auth a = { 0 };
	int r = ioctl(card, DRM_IOCTL_GET_MAGIC, &a);

	num(label, r, "magic=%u", a.magic);
	return a.magic;
}

static void authenticate(const char *label, int card, unsigned int number)
{
	struct drm_auth a = { number };

	num(label, ioctl(card, DRM_IOCTL_AUTH_MAGIC, &a), NULL);
}

static void masters(void)
{
	int one = open_card(), two = open_card(), three;
	unsigned int m;

	num("master.set_one", ioctl(one, DRM_IOCTL_SET_MASTER, 0), NULL);
	num("master.set_two", ioctl(two, DRM_IOCTL_SET_MASTER, 0), NULL);
	num("master.drop_two", ioctl(two, DRM_IOCTL_DROP_MASTER, 0), NULL);
	set_version("master.version_two", two, 1, 1, -1, 0);
	m = magic("master.magic_one", one);
	m = magic("master.magic_two", two);
	magic("master.magic_two_again", two);
	authenticate("master.auth_by_two", two, m);
	authenticate("master.auth", one, m);
	authenticate("master.auth_again", one, m);
	authenticate("master.auth_unknown", one, 77);
	num("master.drop_one", ioctl(one, DRM_IOCTL_DROP_MASTER, 0), NULL);
	num("master.drop_one_again", ioctl(one, DRM_IOCTL_DROP_MASTER, 0), NULL);
	set_version("master.version_nobody", one, 1, 1, -1, 0);
	unique("master.unique_one", one, 15);
	num("master.take_two", ioctl(two, DRM_IOCTL_SET_MASTER, 0), NULL);
	num("master.take_one", ioctl(one, DRM_IOCTL_SET_MASTER, 0), NULL);
	set_version("master.version_two_master", two, 1, 1, -1, 0);
	unique("master.unique_two", two, 15);
	unique("master.unique_one_after", one, 15);
	magic("master.magic_two_master", two);
	three = open_card();
	unique("master.unique_three", three, 15);
	m = magic("master.magic_three", three);
	close(three);
	authenticate("master.auth_closed", two, m);
	close(two);
	three = open_card();
	set_version("master.version_three", three, 1, 1, -1, 0);
	num("master.one_again", ioctl(one, DRM_IOCTL_SET_MASTER, 0), NULL);
	close(three);
	num("master.one_at_last", ioctl(one, DRM_IOCTL_SET_MASTER, 0), NULL);
	close(one);
}

/* ---- objects ----------------------------------------------------------------- */

static uint32_t dumb(const char *label, int card, uint32_t w, uint32_t h, uint32_t bpp)
{
	struct drm_mode_create_dumb c = { .width = w, .height = h, .bpp = bpp, .flags = 0xffffffff, .handle = 99, .pitch = 99, .size = 99 };
	int r = ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &c);

	num(label, r, "handle=%u pitch=%u size=%llu flags=0x%x", c.handle, c.pitch, (unsigned long long)c.size, c.flags);
	return r ? 0 : c.handle;
}

static uint64_t offset(const char *label, int card, uint32_t handle)
{
	struct drm_mode_map_dumb m = { .handle = handle, .pad = 0xffffffff, .offset = 99 };
	int r = ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &m);

	num(label, r, "offset=0x%llx pad=0x%x", (unsigned long long)m.offset, m.pad);
	return m.offset;
}

static void destroy(const char *label, int card, uint32_t handle)
{
	struct drm_mode_destroy_dumb d = { handle };

	num(label, ioctl(card, DRM_IOCTL_MODE_DESTROY_DUMB, &d), NULL);
}

static void shut(const char *label, int card, uint32_t handle)
{
	struct drm_gem_close c = { handle, 0xffffffff };

	num(label, ioctl(card, DRM_IOCTL_GEM_CLOSE, &c), NULL);
}

static int to_fd(const char *label, int card, uint32_t handle, uint32_t flags)
{
	struct drm_prime_handle p = { handle, flags, -5 };
	int r = ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	num(label, r, "fd=%s getfl=0%o getfd=%d", p.fd < 0 ? "-5" : "fd", r ? 0 : fcntl(p.fd, F_GETFL), r ? 0 : fcntl(p.fd, F_GETFD));
	return r ? -1 : p.fd;
}

static uint32_t from_fd(const char *label, int card, int fd)
{
	struct drm_prime_handle p = { 99, 0xffffffff, fd };
	int r = ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	num(label, r, "handle=%u flags=0x%x", p.handle, p.flags);
	return r ? 0 : p.handle;
}

static uint32_t flink(const char *label, int card, uint32_t handle)
{
	struct drm_gem_flink f = { handle, 99 };
	int r = ioctl(card, DRM_IOCTL_GEM_FLINK, &f);

	num(label, r, "name=%u", f.name);
	return f.name;
}

static uint32_t by_name(const char *label, int card, uint32_t name)
{
	struct drm_gem_open o = { name, 99, 99 };
	int r = ioctl(card, DRM_IOCTL_GEM_OPEN, &o);

	num(label, r, "handle=%u size=%llu", o.handle, (unsigned long long)o.size);
	return o.handle;
}

static void count(const char *label, int fd)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "count:", 6))
			value(label, "%ld", strtol(line + 6, NULL, 10));
	if (f)
		fclose(f);
}

static void dumbs(void)
{
	int card = open_card();

	dumb("dumb.1x1x1", card, 1, 1, 1);
	dumb("dumb.1x1x7", card, 1, 1, 7);
	dumb("dumb.3x3x12", card, 3, 3, 12);
	dumb("dumb.100x10x32", card, 100, 10, 32);
	dumb("dumb.1024x1x32", card, 1024, 1, 32);
	dumb("dumb.1025x1x32", card, 1025, 1, 32);
	dumb("dumb.width0", card, 0, 1, 32);
	dumb("dumb.height0", card, 1, 0, 32);
	dumb("dumb.bpp0", card, 1, 1, 0);
	dumb("dumb.bpp_huge", card, 1, 1, 0xfffffff8);
	dumb("dumb.bpp_top", card, 1, 1, 0xfffffff7);
	dumb("dumb.pitch_wraps", card, 0x20000000, 1, 8);
	dumb("dumb.pitch_over", card, 0x40000000, 1, 32);
	dumb("dumb.size_over", card, 0x10000, 0x10000, 8);
	dumb("dumb.size_rounds_over", card, 0xffffffff, 1, 1);
	dumb("dumb.pitch_min_wraps", card, 0x10000001, 1, 16);
	close(card);
}

static void handles(void)
{
	int card = open_card(), other = open_card(), render = open(RENDER, O_RDWR | O_CLOEXEC), fd, again;
	uint32_t a = dumb("handle.first", card, 1024, 2, 32), b = dumb("handle.second", card, 1024, 1, 32), c, n;

	shut("handle.close_first", card, a);
	shut("handle.close_again", card, a);
	shut("handle.close_0", card, 0);
	shut("handle.close_top", card, 0xffffffff);
	destroy("handle.destroy_unknown", card, a);
	a = dumb("handle.third", card, 1024, 3, 32);
	dumb("handle.other_card", other, 1024, 1, 32);
	offset("handle.offset_unknown", card, 77);
	fd = to_fd("prime.flags0", card, a, 0);
	count("prime.count", fd);
	again = to_fd("prime.cloexec_rdwr", card, a, O_CLOEXEC | O_RDWR);
	close(again);
	to_fd("prime.wronly", card, a, O_WRONLY);
	to_fd("prime.accmode3", card, a, O_ACCMODE);
	to_fd("prime.nonblock", card, a, O_NONBLOCK);
	to_fd("prime.unknown", card, 77, 0);
	to_fd("prime.unknown_flags", card, 77, O_WRONLY);
	to_fd("prime.handle0", card, 0, 0);
	from_fd("prime.import_own", card, fd);
	count("prime.count_imported_own", fd);
	c = from_fd("prime.import_other_card", other, fd);
	count("prime.count_other_card", fd);
	from_fd("prime.import_other_again", other, fd);
	again = to_fd("prime.export_other", other, c, O_RDWR);
	count("prime.count_export_other", fd);
	close(again);
	n = from_fd("prime.import_render", render, fd);
	count("prime.count_render", fd);
	shut("prime.close_render", render, n);
	shut("prime.close_own", card, a);
	count("prime.count_own_closed", fd);
	shut("prime.close_other", other, c);
	count("prime.count_all_closed", fd);
	from_fd("prime.import_orphan", card, fd);
	count("prime.count_orphan", fd);
	close(fd);
	from_fd("prime.import_bad", card, -1);
	from_fd("prime.import_card", card, card);
	n = flink("name.give", card, b);
	flink("name.give_again", card, b);
	flink("name.unknown_handle", card, 77);
	c = by_name("name.open", card, n);
	by_name("name.open_again", card, n);
	by_name("name.open_other", other, n);
	by_name("name.unknown", other, 77);
	by_name("name.zero", other, 0);
	fd = to_fd("name.export_first", card, b, O_RDWR);
	count("name.count", fd);
	again = to_fd("name.export_second", card, c, O_RDWR);
	count("name.count_two_handles", fd);
	from_fd("name.import", card, again);
	shut("name.close_first", card, b);
	count("name.count_first_closed", fd);
	from_fd("name.import_after", card, fd);
	close(fd);
	close(again);
	b = dumb("name.next", card, 1024, 1, 32);
	flink("name.next_name", card, b);
	close(card);
	by_name("name.after_close", other, n);
	close(other);
	other = open_card();
	by_name("name.gone", other, n);
	close(other);
	close(render);
}

/* ---- mapping the card --------------------------------------------------------- */

static void offsets(void)
{
	int card = open_card();
	uint32_t a = dumb("offset.a", card, 1024, 4, 32), b = dumb("offset.b", card, 1024, 1, 32), c = dumb("offset.c", card, 1024, 2, 32), d;

	offset("offset.of_a", card, a);
	offset("offset.of_b", card, b);
	offset("offset.of_c", card, c);
	shut("offset.close_a", card, a);
	a = dumb("offset.e", card, 1024, 1, 32);
	offset("offset.of_e", card, a);
	d = dumb("offset.f", card, 1024, 4, 32);
	offset("offset.of_f", card, d);
	shut("offset.close_b", card, b);
	d = dumb("offset.g", card, 1024, 3, 32);
	offset("offset.of_g", card, d);
	d = dumb("offset.h", card, 1024, 1, 32);
	offset("offset.of_h", card, d);
	shut("offset.close_h", card, d);
	shut("offset.close_c", card, c);
	d = dumb("offset.i", card, 1024, 1, 32);
	offset("offset.of_i", card, d);
	close(card);
	card = open_card();
	a = dumb("offset.j", card, 1024, 1, 32);
	offset("offset.of_j", card, a);
	close(card);
}

static void maps(void)
{
	int card = open_card(), other = open_card(), readonly = open(CARD, O_RDONLY | O_CLOEXEC), heap = open("/dev/dma_heap/system", O_RDWR), fd;
	uint32_t h = dumb("map.bo", card, 1024, 3, 32), g = dumb("map.bo2", readonly, 1024, 1, 32), i;
	uint64_t at = offset("map.offset", card, h), at2 = offset("map.offset2", readonly, g);
	struct dma_heap_allocation_data a = { .len = 8192, .fd_flags = O_RDWR };
	char *p, *q, *r;

	map("map.other_file", mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, (off_t)at));
	p = map("map.whole", mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)at));
	memcpy(p, "first", 6);
	memcpy(p + 8192, "third", 6);
	map("map.longer", mmap(NULL, 12289, PROT_READ, MAP_SHARED, card, (off_t)at));
	q = map("map.part", mmap(NULL, 4096, PROT_READ, MAP_SHARED, card, (off_t)at));
	value("map.part_byte", "%s", q);
	munmap(q, 4096);
	map("map.second_page", mmap(NULL, 4096, PROT_READ, MAP_SHARED, card, (off_t)at + 4096));
	map("map.zero", mmap(NULL, 4096, PROT_READ, MAP_SHARED, card, 0));
	map("map.negative", mmap(NULL, 4096, PROT_READ, MAP_SHARED, card, -4096));
	map("map.negative_two", mmap(NULL, 8192, PROT_READ, MAP_SHARED, card, -4096));
	map("map.negative_far", mmap(NULL, 4096, PROT_READ, MAP_SHARED, card, -8192));
	map("map.private", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, card, (off_t)at));
	map("map.private_write", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, card, (off_t)at));
	map("map.private_unknown", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, card, 0));
	map("map.readonly", mmap(NULL, 4096, PROT_READ, MAP_SHARED, readonly, (off_t)at2));
	map("map.readonly_write", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, readonly, (off_t)at2));
	fd = to_fd("map.export", card, h, O_RDWR);
	i = from_fd("map.import", other, fd);
	count("map.count", fd);
	q = map("map.other_file_imported", mmap(NULL, 12288, PROT_READ, MAP_SHARED, other, (off_t)at));
	value("map.imported_byte", "%s", q + 8192);
	count("map.count_mapped", fd);
	r = map("map.dmabuf", mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 4096));
	value("map.dmabuf_byte", "%s", r);
	count("map.count_dmabuf", fd);
	close(fd);
	shut("map.close_handle", card, h);
	shut("map.close_imported", other, i);
	value("map.still", "%s %s %s", p, q, r);
	map("map.closed_handle", mmap(NULL, 4096, PROT_READ, MAP_SHARED, card, (off_t)at));
	close(card);
	value("map.still_closed", "%s %s %s", p, q, r);
	memcpy(p, "new", 4);
	value("map.written", "%s %s %s", p, q, r);
	munmap(p, 12288);
	munmap(q, 12288);
	munmap(r, 8192);

	/* Another exporter's buffer. */
	num("foreign.alloc", ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &a), NULL);
	fd = (int)a.fd;
	i = from_fd("foreign.import", other, fd);
	count("foreign.count", fd);
	offset("foreign.offset", other, i);
	to_fd("foreign.export", other, i, O_RDONLY);
	count("foreign.count_exported", fd);
	flink("foreign.flink", other, i);
	from_fd("foreign.import_again", other, fd);
	h = from_fd("foreign.import_elsewhere", readonly, fd);
	count("foreign.count_elsewhere", fd);
	shut("foreign.close", other, i);
	count("foreign.count_closed", fd);
	close(other);
	close(readonly);
	count("foreign.count_cards_closed", fd);
	close(fd);
	close(heap);
}

/* ---- the node itself ----------------------------------------------------------- */

static void node(void)
{
	int card = open_card(), fd;
	char junk[8] = { 0 };

	fdstat("node.stat", card);
	fdlink("node.link", card);
	fdinfo("node.fdinfo", card);
	fdr("node.excl", open(CARD, O_RDWR | O_EXCL), NULL);
	fdr("node.excl_render", open(RENDER, O_RDWR | O_EXCL), NULL);
	fd = fdr("node.trunc", open(CARD, O_RDWR | O_TRUNC), NULL);
	close(fd);
	fd = fdr("node.append", open(CARD, O_RDWR | O_APPEND), NULL);
	close(fd);
	fdr("node.direct", open(CARD, O_RDWR | O_DIRECT), NULL);
	num("node.read", read(card, junk, 8), NULL);
	num("node.read0", read(card, junk, 0), NULL);
	num("node.pread", pread(card, junk, 8, 4), NULL);
	num("node.write", write(card, junk, 8), NULL);
	num("node.pwrite", pwrite(card, junk, 8, 4), NULL);
	num("node.seek_set", lseek(card, 4096, SEEK_SET), NULL);
	num("node.seek_cur", lseek(card, -5, SEEK_CUR), NULL);
	num("node.seek_end", lseek(card, 0, SEEK_END), NULL);
	num("node.seek_data", lseek(card, 0, SEEK_DATA), NULL);
	num("node.seek_unknown", lseek(card, 0, 9), NULL);
	num("node.fsync", fsync(card), NULL);
	num("node.ftruncate", ftruncate(card, 0), NULL);
	polled("node.poll", card, POLLIN | POLLOUT | POLLPRI | POLLRDNORM, 0);
	close(card);
	fd = open(CARD, O_WRONLY);
	num("node.wronly_read", read(fd, junk, 8), NULL);
	dumb("node.wronly_dumb", fd, 1, 1, 8);
	map("node.wronly_map", mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, (off_t)offset("node.wronly_offset", fd, 1)));
	close(fd);
	fd = open(CARD, O_ACCMODE);
	dumb("node.accmode3_dumb", fd, 1, 1, 8);
	close(fd);
}

int main(void)
{
	int card;

	every("card", CARD);
	every("render", RENDER);
	card = open_card();
	sizes(card);
	close(card);
	names();
	masters();
	dumbs();
	handles();
	offsets();
	maps();
	node();
	return 0;
}
