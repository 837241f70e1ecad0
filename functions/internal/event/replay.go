package event

// items decodes a batch as Distributed Map sends it, each item as a message.
func items(o object) (Batch, error) {
	bucket := ""
	if input := o.get("BatchInput"); input.present() {
		in, err := input.object()
		if err != nil {
			return Batch{}, err
		}
		if bucket, err = ownBucket(in); err != nil {
			return Batch{}, err
		}
	}
	return each(o.get("Items"), func(v value) (Object, error) { return item(v, bucket) })
}

// keys decodes a batch that somebody wrote by hand, each key as a message.
func keys(o object) (Batch, error) {
	bucket, err := o.get("bucket").text()
	if err != nil {
		return Batch{}, err
	}
	return each(o.get("keys"), func(v value) (Object, error) {
		key, err := v.text()
		return Object{Bucket: bucket, Key: key}, err
	})
}

// each decodes every element of a list, each as a message.
func each(list value, one func(value) (Object, error)) (Batch, error) {
	elements, err := list.list()
	switch {
	case err != nil:
		return Batch{}, err
	case len(elements) == 0:
		return single(KindReplay, Message{Skipped: []string{skipNoItems}}, nil), nil
	}
	b := Batch{Kind: KindReplay, Messages: make([]Message, len(elements))}
	for i, v := range elements {
		if o, err := one(v); err != nil {
			b.Messages[i].Err = err
		} else {
			o.Replayed = true
			b.Messages[i].Objects = []Object{o}
		}
	}
	return b, nil
}

// item decodes an item of Distributed Map: a key, or what S3 lists or an inventory says of an object,
// or what an ItemSelector made of that. The bucket is for items that name none.
func item(v value, bucket string) (Object, error) {
	made := Object{Bucket: bucket}
	if len(v.raw) > 0 && v.raw[0] == '"' {
		key, err := v.text()
		if err != nil {
			return Object{}, err
		}
		made.Key = key
	} else {
		o, err := v.object()
		if err != nil {
			return Object{}, v.wrong("a key, or an object with Key")
		}
		key, err := o.either("Key", "key")
		if err != nil {
			return Object{}, err
		}
		if made.Key, err = key.text(); err != nil {
			return Object{}, err
		}
		version, err := o.either("VersionId", "versionId")
		if err != nil {
			return Object{}, err
		}
		if made.VersionID, err = version.optional(); err != nil {
			return Object{}, err
		}
		own, err := ownBucket(o)
		if err != nil {
			return Object{}, err
		}
		if own != "" {
			made.Bucket = own
		}
	}
	if made.Bucket == "" {
		return Object{}, v.wrong("a bucket in the item or in BatchInput")
	}
	return made, nil
}

// ownBucket gives the bucket that an object names, "" if it names none. A name that is there but
// empty is an error: somebody meant to name one.
func ownBucket(o object) (string, error) {
	v, err := o.either("bucket", "Bucket")
	if err != nil || !v.present() {
		return "", err
	}
	return v.text()
}
