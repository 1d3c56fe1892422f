import java.lang.management.ManagementFactory;
import java.time.LocalDateTime;
import org.mpxj.Duration;
import org.mpxj.ProjectFile;
import org.mpxj.Task;
import org.mpxj.TimeUnit;
import org.mpxj.cpm.MicrosoftScheduler;
import org.mpxj.reader.UniversalProjectReader;

/** Schedules a Microsoft Project XML file by MPXJ some times; prints CPU milliseconds of each, then all dates and slacks. */
public class MicrosoftSchedule
{
   public static void main(String[] arguments) throws Exception
   {
      ProjectFile file = new UniversalProjectReader().read(arguments[0]);
      file.getTasks().forEach(task -> task.setRemainingDuration(task.getDuration()));
      LocalDateTime start = file.getProjectProperties().getStartDate();
      var threads = ManagementFactory.getThreadMXBean();
      for (int round = 0; round < Integer.parseInt(arguments[1]); round++)
      {
         long began = threads.getCurrentThreadCpuTime();
         new MicrosoftScheduler().schedule(file, start);
         System.out.println("round " + (threads.getCurrentThreadCpuTime() - began) / 1e6);
      }
      for (Task task : file.getTasks())
      {
         Duration slack = task.getTotalSlack().convertUnits(TimeUnit.MINUTES, file.getProjectProperties());
         System.out.println("task " + task.getUniqueID() + " " + task.getEarlyStart() + " " + task.getEarlyFinish()
            + " " + task.getLateStart() + " " + task.getLateFinish() + " " + Math.round(slack.getDuration()));
      }
   }
}
