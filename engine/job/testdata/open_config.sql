/* config
parallelism = 1
