require('fs').writeFileSync(process.argv[3],'')
