# Draws latency_by_load.png from latency_by_load.tsv: strategy, rho, mean, p99, lower bound of the mean.
set terminal pngcairo size 1400,600 font "DejaVu Sans,15" background "#ffffff"
set output "latency_by_load.png"
set datafile separator "\t"
set datafile missing NaN
names = "fcfs fair sjf weighted_fair density"
colours = "#999999 #e69f00 #d55e00 #009e73 #0072b2"
array points[5] = [5, 9, 11, 13, 7]
of(i, column) = strcol(1) eq word(names, i) ? column : NaN
set style data linespoints
set logscale y
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set xrange [0.05:2.05]
set yrange [40:20000]
set xtics 0.2
set ytics ("50 ms" 50, "100 ms" 100, "200 ms" 200, "500 ms" 500, "1 s" 1000, "2 s" 2000, "5 s" 5000, "10 s" 10000, "20 s" 20000)
set xlabel "offered load rho"
set multiplot layout 1,2 margins 0.07,0.985,0.13,0.92 spacing 0.07,0
set key inside right top noenhanced samplen 2.5 spacing 1.1
set title "Mean latency"
plot for [i=1:5] "latency_by_load.tsv" using 2:(of(i, $3)) lw 2.5 pt points[i] ps 1.3 lc rgb word(colours, i) \
       title word(names, i), \
     "" using 2:(of(5, $5)) with lines lw 2 dt 2 lc rgb "#000000" title "lower bound of the mean"
unset key
set title "99th percentile of the latency"
plot for [i=1:5] "latency_by_load.tsv" using 2:(of(i, $4)) lw 2.5 pt points[i] ps 1.3 lc rgb word(colours, i)
unset multiplot
