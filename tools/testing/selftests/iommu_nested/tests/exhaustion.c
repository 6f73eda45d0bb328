// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects come and go, more of them than there are hardware IDs: none of them
 * may keep its ID, which is 16 bits wide at most.
 */

#define EXHAUSTION_ROUNDS	66000

FIXTURE(exhaustion)
{
	struct host host;
	__u32 ioas;			/* an empty one, quick to build tables for */
};

FIXTURE_SETUP(exhaustion)
{
	struct host *host = &self->host;

	host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, iommufd_ioas_alloc(host->fd, &self->ioas));
}

FIXTURE_TEARDOWN(exhaustion)
{
	host_down(&self->host);
}

static void exhaust_hwpts(struct __test_metadata *_metadata, struct host *host,
			  __u32 ioas, __u32 flags)
{
	__u32 id;
	int i;

	for (i = 0; i < EXHAUSTION_ROUNDS; i++) {
		ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev,
						ioas, flags, &id)) {
			TH_LOG("page table number %d", i);
		}
		ASSERT_EQ(0, iommufd_destroy(host->fd, id));
	}
}

TEST_F_TIMEOUT(exhaustion, hwpt, 300)
{
	exhaust_hwpts(_metadata, &self->host, self->ioas, 0);
}
