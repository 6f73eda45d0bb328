// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device without a driver does DMA as its group's type says: to where memory
 * really is, or nowhere.
 */

FIXTURE(identity)
{
	struct host host;
	struct edu edu;
};

FIXTURE_SETUP(identity)
{
	struct host *host = &self->host;
	struct edu *edu = &self->edu;

	/* With its markers, which it could not be taught later. */
	host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	edu_close(&host->edu[0]);
	host->num_edu = 0;
	ASSERT_EQ(0, pci_unbind(host->edu[0].bdf));
	ASSERT_EQ(0, pci_set_domain_type(host->edu[0].bdf, "identity"));
	ASSERT_EQ(0, edu_open_sysfs(edu, 0));
}

FIXTURE_TEARDOWN(identity)
{
	edu_close(&self->edu);
	pci_set_domain_type(self->edu.bdf, "auto");
	host_down(&self->host);
}

TEST_F(identity, memory_is_where_it_is)
{
	struct host *host = &self->host;
	struct edu *edu = &self->edu;
	__u64 hpa = host_address(host->page[1]);

	ASSERT_NE(0ULL, hpa);
	EXPECT_EQ(PAGE_B, hits(_metadata, host, edu, hpa));
	EXPECT_EQ(0, pci_set_domain_type(edu->bdf, "DMA"));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, edu, hpa));
	EXPECT_EQ(0, pci_set_domain_type(edu->bdf, "identity"));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, edu, hpa));
}

/* Who takes the device over has it translated from the start. */
TEST_F(identity, ends_with_an_owner)
{
	struct host *host = &self->host;
	struct edu *edu = &self->edu;
	__u64 hpa = host_address(host->page[2]);

	ASSERT_NE(0ULL, hpa);
	ASSERT_EQ(PAGE_C, hits(_metadata, host, edu, hpa));
	edu_close(edu);
	ASSERT_EQ(0, edu_open(edu, 0, host->fd));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, edu, hpa));
	ASSERT_EQ(0, edu_attach(edu, host->ioas));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, edu, hpa));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, edu, page_gpa(host, PAGE_A)));
}
