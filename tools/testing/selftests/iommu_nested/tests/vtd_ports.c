// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices behind root ports, of which firmware says which let translation
 * requests through (ATSR): that of the first device does, that of the second
 * only where all do.
 */

#define NO_PORTS	"firmware names no root ports"

#define DMAR_TABLE	"/sys/firmware/acpi/tables/DMAR"
#define DMAR_STRUCTURES	48
#define DMAR_ATSR	2
#define ATSR_FLAGS	4
#define ATSR_ALL_PORTS	BIT(0)

FIXTURE(vtd_ports)
{
	struct host host;
	bool all_ports;
};

/* The flags of firmware's ATSR, or a negative errno */
static int atsr_flags(void)
{
	int fd = open(DMAR_TABLE, O_RDONLY | O_CLOEXEC);
	__u8 table[4096];
	__u16 kind, size;
	ssize_t len, at;

	if (fd < 0)
		return -errno;
	len = read(fd, table, sizeof(table));
	close(fd);
	for (at = DMAR_STRUCTURES; at + ATSR_FLAGS < len; at += size) {
		memcpy(&kind, &table[at], sizeof(kind));
		memcpy(&size, &table[at + sizeof(kind)], sizeof(size));
		if (kind == DMAR_ATSR)
			return table[at + ATSR_FLAGS];
		if (!size)
			break;
	}
	return -ENOENT;
}

FIXTURE_SETUP(vtd_ports)
{
	struct host *host = &self->host;
	int flags = atsr_flags();
	unsigned int i;

	host_up(_metadata, host, 2);
	if (_metadata->exit_code)
		return;
	if (!edu_extended(&host->edu[0]))
		SKIP(return, NO_EXTENSIONS);
	if (flags == -ENOENT)
		SKIP(return, NO_PORTS);
	ASSERT_LE(0, flags);
	self->all_ports = flags & ATSR_ALL_PORTS;
	for (i = 0; i < 2; i++)
		edu_set_mode(&host->edu[i], 0);
}

FIXTURE_TEARDOWN(vtd_ports)
{
	host_down(&self->host);
}

/* What a device has translated itself is used, and invalidated. */
static void expect_ats(struct __test_metadata *_metadata, struct host *host,
		       struct edu *edu)
{
	__u64 gpa = page_gpa(host, PAGE_A);

	EXPECT_EQ(1, pci_ats(edu->bdf));
	EXPECT_EQ(PAGE_A, hits_by(_metadata, host, edu, EDU_OWN, gpa));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[2],
				      GUEST_PAGE, IOVA));
	EXPECT_EQ(PAGE_C, hits_by(_metadata, host, edu, EDU_OWN, IOVA));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, IOVA, GUEST_PAGE));
	EXPECT_EQ(NOWHERE, hits_by(_metadata, host, edu, EDU_OWN, IOVA));
	EXPECT_EQ(PAGE_A, hits_by(_metadata, host, edu, 0, gpa));
}

TEST_F(vtd_ports, named)
{
	struct host *host = &self->host;

	expect_ats(_metadata, host, &host->edu[0]);
}

/* The device may not ask for translations, and gets none if it does. */
TEST_F(vtd_ports, not_named)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[1];

	if (self->all_ports)
		SKIP(return, "all ports let translation requests through");
	EXPECT_EQ(0, pci_ats(edu->bdf));
	EXPECT_EQ(NOWHERE, hits_by(_metadata, host, edu, EDU_OWN, GPA(PAGE_A)));
	EXPECT_EQ(PAGE_A, hits_by(_metadata, host, edu, 0, GPA(PAGE_A)));

	ASSERT_EQ(0, pci_set_ats(edu->bdf, true));
	EXPECT_EQ(NOWHERE, hits_by(_metadata, host, edu, EDU_OWN, GPA(PAGE_A)));
	EXPECT_EQ(PAGE_A, hits_by(_metadata, host, edu, 0, GPA(PAGE_A)));
	ASSERT_EQ(0, pci_set_ats(edu->bdf, false));
}

TEST_F(vtd_ports, all)
{
	struct host *host = &self->host;

	if (!self->all_ports)
		SKIP(return, "not all ports let translation requests through");
	expect_ats(_metadata, host, &host->edu[1]);
}
