package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/columnar"
)

func newInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE.parquet...",
		Short: "Show what a Parquet file says of itself: rows, columns, encodings, sizes, bounds, metadata",
		Long: "inspect shows what Parquet files say of themselves: rows, columns, encodings, sizes, bounds,\n" +
			"metadata. A FILE is a path or the s3:// URL of an object, of which only the footer and the indexes\n" +
			"are read.",
		Example: example(`
flowlake inspect lake/aga_flow_logs/year=2026/month=01/day=09/*.parquet
flowlake inspect s3://amzn-s3-demo-bucket/lake/aga_flow_logs/year=2026/month=01/day=09/one.parquet`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var aws cloud
			for i, name := range args {
				if i > 0 {
					fmt.Fprintln(c.OutOrStdout())
				}
				if err := inspect(c.Context(), c.OutOrStdout(), &aws, name); err != nil {
					return fmt.Errorf("inspect %s: %w", name, err)
				}
			}
			return nil
		},
	}
}

// inspect describes the file of that path or URL.
func inspect(ctx context.Context, w io.Writer, aws *cloud, name string) error {
	file, size, err := openFile(ctx, aws, name)
	if err != nil {
		return err
	}
	if c, ok := file.(io.Closer); ok {
		defer c.Close()
	}
	f, err := columnar.Inspect(file, size)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n", name)
	fmt.Fprintf(w, "%s rows in %d row groups, %s bytes (%s), made by %s\n",
		humanize.Comma(f.Rows), len(f.Groups), humanize.Comma(f.Size), perRow(f.Size, f.Rows), f.CreatedBy)
	for _, m := range f.Metadata {
		fmt.Fprintf(w, "  %s = %s\n", m.Key, m.Value)
	}
	for i, g := range f.Groups {
		fmt.Fprintf(w, "\nrow group %d: %s rows\n", i, humanize.Comma(g.Rows))
		t := newTable(w, "column", "type", "codec", "encodings", "pages", "nulls", "bytes", "of raw", "min", "max", "index")
		t.SetColumnConfigs([]table.ColumnConfig{
			{Number: 5, Align: text.AlignRight}, {Number: 6, Align: text.AlignRight},
			{Number: 7, Align: text.AlignRight}, {Number: 8, Align: text.AlignRight},
		})
		for _, c := range g.Columns {
			var index []string
			if c.Indexed {
				index = append(index, "page")
			}
			if c.Bloom {
				index = append(index, "bloom")
			}
			t.AppendRow(table.Row{c.Name, c.Type, c.Codec, strings.Join(c.Encodings, ", "), c.Pages, humanize.Comma(c.Nulls),
				humanize.Comma(c.Compressed), percent(c.Compressed, c.Uncompressed), clip(c.Min), clip(c.Max), strings.Join(index, ", ")})
		}
		t.Render()
	}
	return nil
}

// openFile gives the bytes of a file or an object, and their number.
func openFile(ctx context.Context, aws *cloud, name string) (io.ReaderAt, int64, error) {
	if isS3(name) {
		s, key, err := aws.object(ctx, name)
		if err != nil {
			return nil, 0, err
		}
		r, o, err := s.ReaderAt(ctx, key)
		return r, o.Size, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// newTable gives a table in the style of all output.
func newTable(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(header)
	return t
}

func perRow(size, rows int64) string {
	if rows == 0 {
		return "no rows"
	}
	return fmt.Sprintf("%.1f bytes a row", float64(size)/float64(rows))
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole))
}

// clip shortens a bound so that a line of the table fits a screen.
func clip(s string) string {
	const most = 24
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-1], "") + "…"
}
