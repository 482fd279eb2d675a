package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func shadeCommand(t *terminal, action string) *cobra.Command {
	return &cobra.Command{
		Use:   action + " FILE",
		Short: map[string]string{"encrypt": "Print a job file with its secrets encrypted", "decrypt": "Print a job file with its secrets in clear"}[action],
		Long: "Prints the job file as JSON, the values of username, password, auth and token at the top of each source and sink\n" +
			action + "ed as env.shade.identifier says: base64, or aes with a key of 32 bytes in the file env.shade.key-file names.",
		Example: "  openssl rand -base64 32 > shade.key\n  seikan " + action + " job.conf > job.json",
		Args:    exactlyOne("a job file"),
		RunE: func(_ *cobra.Command, args []string) error {
			out, file, err := reshade(args[0], action)
			if err != nil {
				t.show(err, file.TextOf)
				return coded{code: exitConfig}
			}
			fmt.Fprintf(t.out, "%s\n", out)
			return nil
		},
	}
}
