// SPDX-License-Identifier: GPL-2.0-only
/*
 * What dma_map_single() and dma_unmap_single() cost together. The kernel's own
 * dma_map_benchmark is built in only, runs for seconds and rounds to 100 ns.
 *
 * Bind a PCI function through driver_override and read its attribute map_4k or
 * map_64k: rounds, and the ticks of the counter that the processor has for all of
 * them; see bench_clock() of the program.
 */
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/timex.h>

#define ROUNDS	4096

/* A function of its own, so that a profiler can count rounds by its calls. */
static noinline int one_round(struct device *dev, void *buffer, size_t size)
{
	dma_addr_t iova = dma_map_single(dev, buffer, size, DMA_BIDIRECTIONAL);

	if (dma_mapping_error(dev, iova))
		return -EIO;
	dma_unmap_single(dev, iova, size, DMA_BIDIRECTIONAL);
	return 0;
}

static int all_rounds(struct device *dev, void *buffer, size_t size)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < ROUNDS && !rc; i++)
		rc = one_round(dev, buffer, size);
	return rc;
}

static ssize_t measure(struct device *dev, char *text, size_t size)
{
	void *buffer = alloc_pages_exact(size, GFP_KERNEL);
	cycles_t start = 0, ticks = 0;
	int rc;

	if (!buffer)
		return -ENOMEM;
	/* The flush queue and the IOVA caches fill in the first rounds. */
	rc = all_rounds(dev, buffer, size);
	if (!rc) {
		start = get_cycles();
		rc = all_rounds(dev, buffer, size);
		ticks = get_cycles() - start;
	}
	free_pages_exact(buffer, size);
	return rc ? rc : sysfs_emit(text, "rounds=%d sum=%llu\n", ROUNDS,
				    (u64)ticks);
}

static ssize_t map_4k_show(struct device *dev, struct device_attribute *attr,
			   char *text)
{
	return measure(dev, text, SZ_4K);
}
static DEVICE_ATTR_RO(map_4k);

static ssize_t map_64k_show(struct device *dev, struct device_attribute *attr,
			    char *text)
{
	return measure(dev, text, SZ_64K);
}
static DEVICE_ATTR_RO(map_64k);

static struct attribute *dma_bench_attrs[] = {
	&dev_attr_map_4k.attr,
	&dev_attr_map_64k.attr,
	NULL
};
ATTRIBUTE_GROUPS(dma_bench);

static int dma_bench_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return 0;
}

static struct pci_driver dma_bench_driver = {
	.name = "dma_bench",
	.probe = dma_bench_probe,
	.dev_groups = dma_bench_groups,
};
module_pci_driver(dma_bench_driver);

MODULE_DESCRIPTION("Cost of dma_map_single() and dma_unmap_single()");
MODULE_LICENSE("GPL");
