// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device with an ordinary kernel driver on the same IOMMU: an NVMe disk, each
 * 64-bit word of which holds its own offset.
 */

#define DISK		"/dev/nvme0n1"
#define DISK_CHUNK	MIB(1)
#define DISK_SIZE	MIB(8)
#define DISK_WAIT_MS	2000

FIXTURE(dma_api)
{
	__u64 *buffer;
	int fd;
};

FIXTURE_SETUP(dma_api)
{
	int waited;

	/* The kernel may still be looking for it. */
	for (waited = 0; access(DISK, F_OK) && waited < DISK_WAIT_MS;
	     waited += 100)
		usleep(100 * 1000);
	self->fd = open(DISK, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (self->fd < 0)
		SKIP(return, DISK ": %s", strerror(errno));
	self->buffer = mmap(NULL, DISK_CHUNK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buffer);
	ASSERT_EQ((ssize_t)GUEST_PAGE, pread(self->fd, self->buffer, GUEST_PAGE,
					     0));
	/* A disk of somebody's own may start with anything. */
	if (self->buffer[1] != 8 || self->buffer[2] != 16)
		SKIP(return, DISK " is not the disk of this test");
}

FIXTURE_TEARDOWN(dma_api)
{
	if (self->fd >= 0)
		close(self->fd);
}

static void check_chunk(struct __test_metadata *_metadata, const __u64 *buffer,
			__u64 at, size_t size)
{
	size_t i;

	for (i = 0; i < size / sizeof(*buffer); i++)
		ASSERT_EQ(at + i * sizeof(*buffer), buffer[i]);
}

/* The disk answers by the host's clock, which an emulated one may outrun. */
TEST_F_TIMEOUT(dma_api, large_reads, 300)
{
	__u64 at;

	for (at = 0; at < DISK_SIZE; at += DISK_CHUNK) {
		memset(self->buffer, 0xff, DISK_CHUNK);
		ASSERT_EQ((ssize_t)DISK_CHUNK,
			  pread(self->fd, self->buffer, DISK_CHUNK, at));
		check_chunk(_metadata, self->buffer, at, DISK_CHUNK);
	}
}

/* Each read maps and unmaps a page: what was cached for one is not the next. */
TEST_F_TIMEOUT(dma_api, small_reads, 300)
{
	__u64 at;
	int i;

	for (i = 0; i < 500; i++) {
		at = (i * 7919ULL % (DISK_SIZE / GUEST_PAGE)) * GUEST_PAGE;
		memset(self->buffer, 0xff, GUEST_PAGE);
		ASSERT_EQ((ssize_t)GUEST_PAGE,
			  pread(self->fd, self->buffer, GUEST_PAGE, at));
		check_chunk(_metadata, self->buffer, at, GUEST_PAGE);
	}
}
